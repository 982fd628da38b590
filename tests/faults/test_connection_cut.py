"""The connection to PostgreSQL is lost at every possible moment of an act: it happened once or not at all."""

import uuid

import pytest

from tests.concurrency.race import assert_adds_up, balance, rows
from tests.faults.damage import cut_after_commit, cut_at_statement, cut_before_commit

DAY = 50_000


@pytest.fixture
def account(cast) -> dict:
    """An account on which nothing has been paid."""
    return cast.open_account(cast.funke)


def traces(cast, account: dict) -> tuple:
    """What a marking leaves behind: collections, markings, commissions, entries, balance."""
    queries = ("collections", "markings", "commissions")
    found = [
        len(rows(cast.app, f"SELECT 1 FROM {table} WHERE account_id = :id", id=account["id"])) for table in queries
    ]
    entries = rows(cast.app, "SELECT 1 FROM ledger_entries WHERE business_id = :b", b=cast.business_id)
    return (*found, len(entries), balance(cast.app, cast.business_id, "savings", account["id"]))


def assert_apology(answer, *codes: str) -> None:
    """A 503 that says when to come back."""
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert answer.code in codes, answer.body
    assert int(answer.headers["Retry-After"]) >= 1


def assert_succeeds_once(cast, account: dict, key: str, before: tuple) -> None:
    """The same key does it now, and again gives the same answer."""
    path = f"/savings/{account['id']}/markings"
    first, again = (cast.chidi.post(path, {"days": 2}, key=key) for _ in range(2))
    assert first.status == again.status == 201
    assert first.body == again.body
    assert again.headers["Idempotency-Replayed"] == "true"
    collections, markings, commissions, entries, money = before
    assert traces(cast, account) == (collections + 1, markings + 2, commissions + 1, entries + 2, money + DAY)
    assert_adds_up(cast.app)


def test_cut_before_each_statement(cast):
    """One act after the other, each cut one statement later, until one is through before its cut.

    The last statements travel with the commit, so of these nobody knows whether they arrived.
    """
    number, cuts = 0, 0
    while True:
        account = cast.open_account(cast.funke)
        before, key = traces(cast, account), uuid.uuid4().hex
        with cut_at_statement(cast.app, number) as seen:
            answer = cast.chidi.post(f"/savings/{account['id']}/markings", {"days": 2}, key=key)
        if len(seen) <= number:
            break
        assert_apology(answer, "database.unavailable", "outcome.unknown")
        assert traces(cast, account) == before
        assert_succeeds_once(cast, account, key, before)
        number, cuts = number + 1, cuts + 1
    assert answer.status == 201
    assert cuts >= 8


def test_cut_before_the_commit(cast, account):
    before, key = traces(cast, account), uuid.uuid4().hex
    with cut_before_commit(cast.app):
        answer = cast.chidi.post(f"/savings/{account['id']}/markings", {"days": 2}, key=key)
    assert_apology(answer, "outcome.unknown")
    assert traces(cast, account) == before
    assert_succeeds_once(cast, account, key, before)


def test_cut_after_the_commit(cast, account, monkeypatch):
    """It has happened, but nobody could be told: the key brings the answer."""
    before, key = traces(cast, account), uuid.uuid4().hex
    path = f"/savings/{account['id']}/markings"
    with cut_after_commit(cast.app, monkeypatch):
        answer = cast.chidi.post(path, {"days": 2}, key=key)
    assert_apology(answer, "outcome.unknown")
    after = traces(cast, account)
    assert after[0] == before[0] + 1
    retried = cast.chidi.post(path, {"days": 2}, key=key)
    assert (retried.status, retried.headers["Idempotency-Replayed"]) == (201, "true")
    assert traces(cast, account) == after
    assert_adds_up(cast.app)


def test_a_read_survives_connections_that_died_while_idle(cast):
    """Those that lie in the pool are tried before they are used."""
    cast.ada.ok("GET", "/auth/me")
    kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
    rows(cast.app, f"{kill} AND pid <> pg_backend_pid()")
    assert cast.ada.get("/auth/me").status == 200


def test_a_read_that_is_cut_says_so(cast):
    with cut_at_statement(cast.app, 0):
        answer = cast.ada.get("/savings")
    assert_apology(answer, "database.unavailable")
    assert cast.ada.get("/savings").status == 200
