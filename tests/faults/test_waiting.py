"""What has to be waited for is waited for briefly: locks, connections, statements; deadlocks are tried again inside."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from ofektom import audit
from ofektom.app import create_app
from ofektom.audit import PLATFORM
from ofektom.database import verb
from ofektom.errors import DatabaseBusy
from ofektom.extensions import db
from tests.cast import Client
from tests.concurrency.race import assert_adds_up, balance, scalar, together, verify
from tests.faults.damage import holding, trigger

DEADLOCK, SERIALIZATION = "40P01", "40001"
LOCK_ACCOUNT = "SELECT id FROM savings_accounts WHERE id = :id FOR UPDATE"


@pytest.fixture
def account(cast) -> dict:
    """An account on which nothing has been paid."""
    return cast.open_account(cast.funke)


def timed(act) -> tuple:
    """What `act` answered, and after how many seconds."""
    began = time.monotonic()
    return act(), time.monotonic() - began


def test_a_locked_row_is_waited_for_briefly(cast, account):
    """Whoever else asks is served meanwhile, and the same key succeeds once the lock has gone."""
    key, other = uuid.uuid4().hex, cast.open_account(cast.gbenga)
    path, body = f"/savings/{account['id']}/markings", {"days": 2}
    with holding(cast.app, LOCK_ACCOUNT, id=account["id"]):
        (blocked, seconds), live, elsewhere, read = together(
            lambda: timed(lambda: cast.chidi.post(path, body, key=key)),
            lambda: Client(cast.app).get("/livez"),
            lambda: cast.chidi.post(f"/savings/{other['id']}/markings", {"days": 1}),
            lambda: cast.chidi.get(f"/savings/{account['id']}/card"),
        )
    assert (blocked.status, blocked.code, blocked.headers["Retry-After"]) == (503, "database.busy", "1")
    assert 0.35 < seconds < 1.5
    assert (live.status, elsewhere.status, read.status) == (200, 201, 200)
    assert balance(cast.app, cast.business_id, "savings", account["id"]) == 0
    assert cast.chidi.post(path, body, key=key).status == 201
    assert_adds_up(cast.app)


def test_checking_the_books_may_take_longer_than_a_request_may(cast, settings):
    patient = create_app(replace(settings, lock_timeout_ms=10_000), testing=True)
    with ThreadPoolExecutor(1) as aside:
        with holding(patient, "LOCK TABLE collections IN ACCESS EXCLUSIVE MODE"):
            checked = aside.submit(verify, patient)
            time.sleep(settings.statement_timeout_ms / 1000 + 0.4)
        assert checked.result().exit_code == 0, checked.result().output


def test_a_key_whose_request_does_not_end_is_still_running(cast, account):
    """The first request holds the key in its transaction; the second is told to come back."""
    key = uuid.uuid4().hex
    claim = "INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES (:user, :key, 'unknown')"
    path = f"/savings/{account['id']}/markings"
    with holding(cast.app, claim, user=cast.chidi.user_id, key=key):
        answer, seconds = timed(lambda: cast.chidi.post(path, {"days": 1}, key=key))
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (409, "idempotency.running", "1")
    assert seconds < 1.5
    assert cast.chidi.post(path, {"days": 1}, key=key).status == 201


def test_an_exhausted_pool_is_waited_for_briefly(cast, settings):
    """All connections are held by others: 503 after the pool's wait, once and not twice, and alive all the time."""
    wait = 2
    app = create_app(replace(settings, pool_size=2, pool_overflow=0, pool_wait_seconds=wait), testing=True)
    ada = Client(app, cast.ada.token)
    with holding(app, "SELECT 1"), holding(app, "SELECT 1"):
        answer, seconds = timed(lambda: ada.get("/auth/me"))
        assert (answer.status, answer.code) == (503, "database.busy")
        assert int(answer.headers["Retry-After"]) >= 1
        assert 0.9 * wait < seconds < 1.9 * wait
        assert ada.get("/livez").status == 200
        assert ada.get("/health").status == 503
    assert ada.get("/auth/me").status == 200
    assert ada.get("/health").status == 200


def test_a_statement_that_takes_too_long_is_ended(cast, account):
    key, path = uuid.uuid4().hex, f"/savings/{account['id']}/markings"
    with trigger(cast.app, "ledger_entries", "PERFORM pg_sleep(10);"):
        answer, seconds = timed(lambda: cast.chidi.post(path, {"days": 2}, key=key))
    assert (answer.status, answer.code) == (503, "database.busy")
    assert seconds < 2.5
    assert balance(cast.app, cast.business_id, "savings", account["id"]) == 0
    assert cast.chidi.post(path, {"days": 2}, key=key).status == 201


@pytest.mark.parametrize("state", [DEADLOCK, SERIALIZATION])
def test_a_transaction_that_stumbles_twice_succeeds_inside(cast, account, state):
    """The whole act is repeated, its key included, and leaves its traces once."""
    stumble = f"IF nextval('stumbles') <= 2 THEN RAISE EXCEPTION 'stumbled' USING ERRCODE = '{state}'; END IF;"
    key, path = uuid.uuid4().hex, f"/savings/{account['id']}/markings"
    with trigger(cast.app, "collections", stumble):
        answer = cast.chidi.post(path, {"days": 2}, key=key)
        assert scalar(cast.app, "SELECT last_value FROM stumbles") == 3
    again = cast.chidi.post(path, {"days": 2}, key=key)
    assert (answer.status, again.body) == (201, answer.body)
    assert scalar(cast.app, "SELECT count(*) FROM collections WHERE account_id = :id", id=account["id"]) == 1
    assert_adds_up(cast.app)


@pytest.mark.parametrize("state", [DEADLOCK, SERIALIZATION])
def test_the_third_stumble_is_the_last(cast, account, state):
    stumble = f"PERFORM nextval('stumbles'); RAISE EXCEPTION 'stumbled' USING ERRCODE = '{state}';"
    with trigger(cast.app, "collections", stumble):
        answer = cast.chidi.post(f"/savings/{account['id']}/markings", {"days": 2})
        assert scalar(cast.app, "SELECT last_value FROM stumbles") == 3
    assert (answer.status, answer.code) == (503, "database.busy")
    assert balance(cast.app, cast.business_id, "savings", account["id"]) == 0


def test_two_verbs_that_lock_crosswise_both_succeed(app):
    """A real deadlock: PostgreSQL ends one of them, which is then repeated from its beginning."""
    both_hold_one = threading.Barrier(2)
    attempts: list[str] = []

    @verb
    def cross(name: str, first: int, second: int) -> str:
        attempts.append(name)
        db.session.execute(text("SET LOCAL deadlock_timeout = '30ms'; SET LOCAL lock_timeout = '5s'"))
        audit.record("tests.crossed", "test", attempts.count(name), actor=None, business_id=PLATFORM)
        db.session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": first})
        if attempts.count(name) == 1:
            both_hold_one.wait(10)
        db.session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": second})
        return name

    def run(name: str, *locks: int) -> str:
        with app.app_context():
            return cross(name, *locks)

    assert together(lambda: run("ada", 1, 2), lambda: run("bola", 2, 1)) == ["ada", "bola"]
    assert len(attempts) == 3
    assert scalar(app, "SELECT count(*) FROM audit_events WHERE action = 'tests.crossed'") == 2


def test_what_is_no_stumble_is_not_repeated(app):
    attempts = []

    @verb
    def stop() -> None:
        attempts.append(1)
        db.session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END $$"))

    with app.app_context(), pytest.raises(DatabaseBusy):
        stop()
    assert len(attempts) == 1
