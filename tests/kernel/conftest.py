"""Fixtures of the kernel's tests."""

from collections.abc import Iterator

import pytest
import redis

from tests.kernel import tables


@pytest.fixture
def context(app) -> Iterator[None]:
    """An application context, for tests that call the kernel and not HTTP."""
    with app.app_context():
        yield


@pytest.fixture
def business(context) -> int:
    """The id of a business that nothing has happened in."""
    return tables.new_business()


@pytest.fixture
def client(redis_url):
    """Somebody else who may ask the suite's Redis."""
    with redis.Redis.from_url(redis_url) as client:
        yield client
