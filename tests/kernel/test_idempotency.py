"""One key, one act, one answer: over HTTP, on a view that takes cash."""

import threading
import time

import pytest
from sqlalchemy import text

from ofektom.extensions import db


@pytest.fixture
def account(cast):
    """A savings account nothing has been paid into."""
    return cast.open_account(cast.funke)


@pytest.fixture
def path(account):
    return f"/savings/{account['id']}/markings"


def query(app, statement: str, **values):
    """Run one statement on a connection of its own."""
    with app.app_context(), db.engine.begin() as connection:
        return connection.execute(text(statement), values)


def marks(cast, account) -> int:
    return sum(slot["status"] == "paid" for slot in cast.card(account)["slots"])


def raw(person, path, body: bytes, key: str):
    """An answer as it travels, headers and bytes."""
    headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": key, "Content-Type": "application/json"}
    return person.app.test_client().post(f"/api/v1{path}", data=body, headers=headers)


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "naïve", "tab\there"])
def test_without_a_well_formed_key_nothing_is_done(cast, account, path, key):
    answer = cast.chidi.send("POST", path, {}, headers={"Idempotency-Key": key})
    assert (answer.status, answer.code) == (400, "idempotency.key_required")
    assert marks(cast, account) == 0


def test_the_key_may_not_be_left_out(cast, path):
    headers = {"Authorization": f"Bearer {cast.chidi.token}"}
    answer = cast.app.test_client().post(f"/api/v1{path}", json={}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency.key_required")


@pytest.mark.parametrize("key", ["1", "~" * 255])
def test_a_key_has_one_to_255_characters(cast, account, path, key):
    cast.chidi.ok("POST", path, {}, key=key)
    assert marks(cast, account) == 1


def test_the_same_request_again_gets_the_same_bytes_and_says_so(cast, account, path):
    first, second = (raw(cast.chidi, path, body, "again-1") for body in (b'{"days": 2}', b'{ "days":2 }'))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert {first.headers["Cache-Control"], second.headers["Cache-Control"]} == {"no-store"}
    assert marks(cast, account) == 2


def test_a_key_belongs_to_its_body_and_its_path(cast, account, path):
    cast.chidi.ok("POST", path, {"days": 1}, key="mine-1")
    other = cast.open_account(cast.gbenga)
    elsewhere = f"/savings/{other['id']}/markings"
    for where, body in ((path, {"days": 2}), (path, {}), (elsewhere, {"days": 1})):
        answer = cast.chidi.post(where, body, key="mine-1")
        assert (answer.status, answer.code) == (422, "idempotency.key_reused")
    assert (marks(cast, account), marks(cast, other)) == (1, 0)


def test_another_person_may_use_the_same_key(cast, account, path):
    cast.chidi.ok("POST", path, {}, key="shared-1")
    second = cast.ada.post(path, {}, key="shared-1")
    assert (second.status, "Idempotency-Replayed" in second.headers) == (201, False)
    assert cast.ada.post(path, {}, key="shared-1").body == second.body, "each gets their own answer again"
    assert marks(cast, account) == 2


def test_a_refused_call_leaves_its_key_free(cast, account, path):
    refused = cast.chidi.post(path, {"dates": ["2020-01-01"]}, key="corrected-1")
    assert refused.status in (409, 422)
    cast.chidi.ok("POST", path, {"days": 1}, key="corrected-1")
    assert marks(cast, account) == 1


def test_a_rehearsal_uses_no_key_up(cast, account, path):
    rehearsed = cast.chidi.post(f"{path}?dry_run=true", {}, key="later-1")
    assert (rehearsed.status, rehearsed.headers["Dry-Run"], marks(cast, account)) == (200, "true", 0)
    assert "Idempotency-Replayed" not in cast.chidi.post(path, {}, key="later-1").headers
    assert marks(cast, account) == 1


class FirstRequest:
    """The transaction of a first request that has claimed a key and has not ended yet."""

    def __init__(self, app, user_id: int, key: str):
        with app.app_context():
            self.connection = db.engine.connect()
        claim = "INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES (:user_id, :key, 'f')"
        self.connection.execute(text(claim), {"user_id": user_id, "key": key})

    def __enter__(self):
        return self

    def fail(self) -> None:
        self.connection.rollback()

    def __exit__(self, *_):
        self.connection.close()


def test_a_second_request_waits_and_acts_itself_when_the_first_has_failed(cast, app, account, path):
    answers = []
    with FirstRequest(app, cast.chidi.user_id, "parallel-1") as first:
        second = threading.Thread(target=lambda: answers.append(cast.chidi.post(path, {}, key="parallel-1")))
        second.start()
        deadline = time.monotonic() + 5
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while query(app, waiting).scalar() == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert answers == []
        first.fail()
        second.join()
    assert (answers[0].status, marks(cast, account)) == (201, 1)


def test_a_second_request_gives_up_when_the_first_takes_too_long(cast, app, account, path):
    with FirstRequest(app, cast.chidi.user_id, "slow-1"):
        answer = cast.chidi.post(path, {}, key="slow-1")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (409, "idempotency.running", "1")
    assert marks(cast, account) == 0


def test_tidying_keeps_keys_for_thirty_days(cast, app, path):
    app.test_cli_runner().invoke(args=["tidy"])
    for key, days in (("old-1", 31), ("young-1", 29)):
        cast.chidi.ok("POST", path, {}, key=key)
        aged = "UPDATE idempotency_keys SET created_at = now() - make_interval(days => :days) WHERE key = :key"
        query(app, aged, key=key, days=days)
    said = app.test_cli_runner().invoke(args=["tidy"])
    assert (said.exit_code, "deleted 1 idempotency keys" in said.output) == (0, True)
    left = query(app, "SELECT key FROM idempotency_keys WHERE key IN ('old-1', 'young-1')").scalars().all()
    assert left == ["young-1"]
