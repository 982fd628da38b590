"""The world of the matrix, and the line that counts its cells."""

import pytest

from tests.isolation.matrix import Findings
from tests.isolation.people import Persona, personas
from tests.isolation.withheld import Kept, commits_withheld
from tests.isolation.world import World
from tests.telling import sms_on

TOTAL = pytest.StashKey[Findings]()


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
def findings(pytestconfig) -> Findings:
    """What a test finds, added to the count of the session when it ends."""
    found = Findings()
    yield found
    total = pytestconfig.stash.setdefault(TOTAL, Findings())
    total.cells += found.cells
    total.leaks += found.leaks


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Say how much was asked."""
    total = config.stash.get(TOTAL, None)
    if total:
        terminalreporter.write_line(f"isolation: {total.cells} cells, {len(total.leaks)} leaks")
