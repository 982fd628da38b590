"""Connections between the real service and PostgreSQL are cut at COMMIT: the act happened once or not at all.

`make faults` does the same a thousand times, and much else.
"""

import uuid
from collections import Counter
from contextlib import suppress

import pytest

from local.postgres import embedded
from tests.cast import Cast, Staff
from tests.concurrency.race import assert_adds_up, rows
from tests.conf.processes import ask, free_port, wait_for
from tests.faults.cutting import HARMS, CuttingProxy
from tests.faults.servers import Wire, application, gunicorn

BOOT_SECONDS = 60  # a busy machine takes many times what a quiet one does


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cut") / "data"


@pytest.fixture(scope="module")
def cast(data_dir, settings) -> Cast:
    """A business on a database that the service knows only through a proxy."""
    with embedded(data_dir, fast=True) as url:
        yield Cast(Staff(application(settings, url)))


@pytest.fixture(scope="module")
def proxy(cast, data_dir):
    with CuttingProxy(data_dir, seed=7).running() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def chidi(cast, proxy, settings, tmp_path_factory):
    """A collector who speaks to the service."""
    port = free_port()
    with gunicorn(settings, proxy.url, port, tmp_path_factory.mktemp("gunicorn") / "log", WEB_CONCURRENCY="1"):
        wait_for(lambda: is_serving(port), BOOT_SECONDS)
        yield Wire(port, cast.chidi.token)


def is_serving(port: int) -> bool:
    with suppress(OSError):  # gunicorn listens before its worker has booted
        return ask(port, "/readyz").status == 200
    return False


def collections(cast, account: dict) -> int:
    return len(rows(cast.app, "SELECT 1 FROM collections WHERE account_id = :id", id=account["id"]))


@pytest.mark.parametrize("harm", HARMS)
def test_a_commit_that_is_cut_happened_once_or_not_at_all(cast, proxy, chidi, harm):
    """Nobody is told that it happened or that it did not; whoever asks again with the same key learns it."""
    account, before = cast.open_account(cast.funke), Counter(proxy.done)
    proxy.harms, proxy.share = (harm,), 1.0
    replies = {uuid.uuid4().hex: None for _ in range(3)}
    try:
        for key in replies:
            replies[key] = chidi.mark(account, key)
    finally:
        proxy.share = 0.0
    assert proxy.done - before == {harm: 3}
    expected = 201 if harm == "late" else 503
    assert {reply.status for reply in replies.values()} == {expected}
    if expected == 503:
        assert {reply.body["code"] for reply in replies.values()} == {"outcome.unknown"}
        assert all("Retry-After" in reply.headers for reply in replies.values())
    assert collections(cast, account) == (0 if "before" in harm else 3)
    for key, reply in replies.items():
        first, again = chidi.mark(account, key), chidi.mark(account, key)
        assert (first.status, again.status, again.body) == (201, 201, first.body)
        assert reply.status != 201 or reply.body == first.body
        assert ("Idempotency-Replayed" in first.headers) == ("before" not in harm)
    assert collections(cast, account) == 3
    assert_adds_up(cast.app)
