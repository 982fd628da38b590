"""The world hostile requests are sent into, and the count of them."""

import pytest

from tests.hostile.asking import Adversary, Tally
from tests.isolation.people import Persona, personas
from tests.isolation.withheld import commits_withheld
from tests.isolation.world import World
from tests.telling import sms_on


@pytest.fixture(scope="package")
def world(staff) -> World:
    """Two furnished businesses."""
    return World(staff)


@pytest.fixture(scope="package")
def people(world) -> list[Persona]:
    """Everybody who may ask."""
    return personas(world)


@pytest.fixture
def tally(record_property) -> Tally:
    """What a test sends; its counts are in the last lines of the run."""
    mine = Tally()
    yield mine
    seconds, label = mine.slowest
    record_property("hostile: requests", mine.requests)
    record_property("hostile: slowest", (seconds, label.encode("ascii", "backslashreplace").decode()))


@pytest.fixture
def adversary(app, tally) -> Adversary:
    """Somebody whose accepted acts are taken back and whose refused ones must not get as far as a commit."""
    with commits_withheld() as kept, sms_on(app):
        yield Adversary(kept, tally)


@pytest.fixture
def vandal(tally) -> Adversary:
    """Somebody whose acts are kept: for what must be refused as a whole."""
    return Adversary(None, tally)
