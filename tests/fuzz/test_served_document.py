"""A short run of schemathesis over the served document by everybody; `make fuzz` is the long one."""

from dataclasses import replace

import pytest

from tests.concurrency.race import assert_adds_up, separate_database
from tests.fuzz.engine import Effort, Tally, run
from tests.fuzz.service import CALLERS, Service, callers, served

# Each caller tries a fifth of the operations, so that every operation is tried by one of them at least.
SHORT = Effort(seed=20261125, examples=1, phases=("fuzzing",), parts=5)


@pytest.fixture(scope="module")
def service(settings, database_url, redis_url, tmp_path_factory) -> Service:
    """A furnished world of its own, for whoever fuzzes it has it all, platform and people."""
    with separate_database(database_url, "fuzz") as url:
        own = replace(settings, database_url=url, redis_url=redis_url)
        with served(own, url, tmp_path_factory.mktemp("fuzz")) as service:
            yield service


def test_every_answer_is_a_documented_one(service, record_property):
    for part, caller in enumerate(callers(service)):
        tally = Tally()
        run(service.url, caller, replace(SHORT, part=part), tally)
        record_property("fuzz: requests", tally.requests)
        assert not tally.failures, f"{caller.persona.name}, seed {SHORT.seed}: {tally.failures}"
        assert tally.requests > 20
    assert len(CALLERS) == 6
    assert "Traceback" not in service.log.read_text()
    assert_adds_up(service.app)
