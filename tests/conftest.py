"""The suite's servers and its cast: a real PostgreSQL, the application on it, and the people of two businesses."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import flask_migrate
import pytest

from local.postgres import embedded
from ofektom.app import create_app
from ofektom.config import Settings
from tests.cast import Cast, Client, Staff
from tests.conf.processes import free_port, redis_server
from tests.standalone import settings_for

MIGRATIONS = Path(__file__).parent.parent / "migrations"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory) -> Iterator[str]:
    """A throw-away PostgreSQL server."""
    with embedded(tmp_path_factory.mktemp("postgres") / "data", fast=True) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """A throw-away Redis server."""
    with redis_server(free_port(), tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def settings(database_url, redis_url) -> Settings:
    """Settings of the suite."""
    return settings_for(database_url, redis_url)


@pytest.fixture(scope="session")
def app(settings):
    """The application on a migrated database."""
    application = create_app(settings, testing=True)
    with application.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    return application


@pytest.fixture
def anonymous(app) -> Client:
    """Somebody who is not signed in."""
    return Client(app)


@pytest.fixture(scope="session")
def staff(app) -> Staff:
    """Platform staff: a super admin, made as the command line makes one."""
    return Staff(app)


@pytest.fixture(scope="module")
def cast(staff) -> Cast:
    """The people of a business, shared by the tests of a module."""
    return Cast(staff)


@pytest.fixture
def fresh_cast(staff) -> Cast:
    """The people of a business that nobody else touches."""
    return Cast(staff)


@pytest.fixture(scope="module")
def rivals(staff) -> Cast:
    """The people of another business, who must see nothing of the first."""
    return Cast(staff, name="Rival Thrift")


class Calendar:
    """The business clock, moved by the rehearsal offset that production refuses."""

    def __init__(self, app):
        self.app = app

    def to(self, day: date) -> None:
        """Make it noon in Lagos on `day`."""
        noon = datetime.combine(day, time(12), ZoneInfo("Africa/Lagos"))
        self.app.config["CLOCK_OFFSET"] = noon - datetime.now(UTC)

    def forward(self, **span) -> None:
        """Let some time go by."""
        self.app.config["CLOCK_OFFSET"] += timedelta(**span)


@pytest.fixture
def calendar(app) -> Iterator[Calendar]:
    """The business clock; it goes right again at the end of the test."""
    before = app.config["CLOCK_OFFSET"]
    yield Calendar(app)
    app.config["CLOCK_OFFSET"] = before


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how much was asked in all, by whichever process: numbers are summed, of pairs the greatest is shown."""
    found: dict[str, list] = {}
    for report in itertools.chain(*terminalreporter.stats.values()):
        if getattr(report, "when", "") == "teardown":
            for name, value in report.user_properties:
                found.setdefault(name, []).append(value)
    for name, values in sorted(found.items()):
        total = sum(values) if isinstance(values[0], int) else max(map(tuple, values))
        terminalreporter.write_line(f"{name} {total}")
