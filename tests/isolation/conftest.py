"""The world of the matrix, and the count of its cells."""

import pytest

from tests.isolation.matrix import Findings
from tests.isolation.people import Persona, personas
from tests.isolation.withheld import Kept, commits_withheld
from tests.isolation.world import World
from tests.telling import sms_on


@pytest.fixture(scope="package")
def world(staff) -> World:
    """Two furnished businesses."""
    return World(staff)


@pytest.fixture(scope="package")
def people(world) -> list[Persona]:
    """Everybody who asks."""
    return personas(world)


@pytest.fixture
def kept(app) -> Kept:
    """Every act of the test is taken back; counts the commits it would have made. What is sent by SMS would be."""
    with commits_withheld() as kept, sms_on(app):
        yield kept


@pytest.fixture
def findings(record_property) -> Findings:
    """What a test finds; its counts are in the last lines of the run."""
    found = Findings()
    yield found
    record_property("isolation: cells", found.cells)
    record_property("isolation: leaks", len(found.leaks))
