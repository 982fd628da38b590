"""A database of these tests' own, and an application with a connection for every thread of the largest crowd."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ofektom.config import Settings
from tests.concurrency.race import separate_database
from tests.conftest import app, calendar, cast, fresh_cast, rivals, staff

__all__ = ["app", "calendar", "cast", "database_url", "fresh_cast", "rivals", "settings", "staff"]


@pytest.fixture(scope="session")
def database_url(database_url) -> Iterator[str]:
    """A database beside the suite's, on the same server."""
    with separate_database(database_url, "concurrency") as url:
        yield url


@pytest.fixture(scope="session")
def settings(settings, database_url) -> Settings:
    """The suite's settings with more connections, and patience: on a slow machine the last of a crowd waits long."""
    waits = {"lock_timeout_ms": 20_000, "statement_timeout_ms": 30_000, "pool_wait_seconds": 30}
    return replace(
        settings, database_url=database_url, cache_prefix="concurrency:", pool_size=20, pool_overflow=60, **waits
    )
