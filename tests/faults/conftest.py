"""A database of these tests' own, and an application that loses its patience quickly."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ofektom.config import Settings
from tests.concurrency.race import separate_database
from tests.conftest import app, cast, staff

__all__ = ["app", "cast", "database_url", "settings", "staff"]


@pytest.fixture(scope="session")
def database_url(database_url) -> Iterator[str]:
    """A database beside the suite's, on the same server."""
    with separate_database(database_url, "faults") as url:
        yield url


@pytest.fixture(scope="session")
def settings(settings, database_url) -> Settings:
    """The suite's settings with shorter waits, so that running into them does not take long."""
    waits = {"lock_timeout_ms": 400, "statement_timeout_ms": 800, "pool_wait_seconds": 1}
    return replace(settings, database_url=database_url, cache_prefix="faults:", **waits)
