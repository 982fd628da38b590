"""The world hostile requests are sent into, and the line that counts them."""

import pytest

from tests.hostile.asking import Adversary, Tally
from tests.isolation.people import Persona, personas
from tests.isolation.withheld import commits_withheld
from tests.isolation.world import World
from tests.telling import sms_on

TOTAL = pytest.StashKey[Tally]()


@pytest.fixture(scope="package")
def world(staff) -> World:
    """Two furnished businesses."""
    return World(staff)


@pytest.fixture(scope="package")
def people(world) -> list[Persona]:
    """Everybody who may ask."""
    return personas(world)


@pytest.fixture
def tally(pytestconfig) -> Tally:
    """What a test sends, added to the count of the session when it ends."""
    mine = Tally()
    yield mine
    total = pytestconfig.stash.setdefault(TOTAL, Tally())
    total.requests += mine.requests
    total.slowest = max(total.slowest, mine.slowest)


@pytest.fixture
def adversary(app, tally) -> Adversary:
    """Somebody whose accepted acts are taken back and whose refused ones must not get as far as a commit."""
    with commits_withheld() as kept, sms_on(app):
        yield Adversary(kept, tally)


@pytest.fixture
def vandal(tally) -> Adversary:
    """Somebody whose acts are kept: for what must be refused as a whole."""
    return Adversary(None, tally)


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Say how much was sent."""
    total = config.stash.get(TOTAL, None)
    if total:
        seconds, label = total.slowest
        line = f"hostile: {total.requests} requests, the slowest {seconds:.2f} s: {label}"
        terminalreporter.write_line(line.encode("ascii", "backslashreplace").decode())
