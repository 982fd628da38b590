"""Some hundred runs of the machine; `make model N=…` for more."""

from collections import Counter

from tests.concurrency.race import assert_adds_up
from tests.model.both import Town
from tests.model.running import run_machine

SEQUENCES = 200
SEED = 20261125


def test_the_service_and_the_books_agree(app, cast, calendar, record_property):
    acts = run_machine(Town(app, cast, calendar, Counter()), sequences=SEQUENCES, seed=SEED)
    record_property("model: acts", acts.total())
    assert_adds_up(app)
