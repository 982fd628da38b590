"""Some hundred runs of the machine; `make model N=…` for more."""

from collections import Counter

import pytest

from blueprints.reports.queries import broken_invariants
from ofektom import audit
from tests.cast import Cast
from tests.model.both import Town
from tests.model.running import run_machine

SEQUENCES = 200
SEED = 20261125


@pytest.fixture
def lasting(app, fresh_cast, monkeypatch) -> Cast:
    """People whose tokens outlive the test on a machine however busy."""
    monkeypatch.setitem(app.config, "ACCESS_TOKEN_MINUTES", 600)
    for person in (fresh_cast.ada, fresh_cast.bola, fresh_cast.chidi, fresh_cast.dupe):
        person.sign_in(person.phone, person.secret)
    return fresh_cast


def test_the_service_and_the_books_agree(app, lasting, calendar, record_property):
    acts = run_machine(Town(app, lasting, calendar, Counter()), sequences=SEQUENCES, seed=SEED)
    record_property("model: acts", acts.total())
    # Of their business alone: others in this database may be of tests that write the ledger by hand.
    with app.app_context():
        assert broken_invariants(lasting.business_id) == {}
        assert audit.broken_seals(lasting.business_id) == []
