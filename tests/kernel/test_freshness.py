"""Copies of facts are believed exactly as long as nobody has changed the facts."""

import pytest
from sqlalchemy import text

from ofektom import freshness
from ofektom.extensions import db
from tests.concurrency.race import rows

SUBJECT = "user:{1}"


@pytest.fixture
def context(app):
    with app.app_context():
        yield
        db.session.rollback()


@pytest.fixture
def changes(context) -> freshness.Changes:
    """A process that has just asked."""
    known = freshness.Changes()
    known.spare(0, [])
    return known


def horizon() -> int:
    with db.engine.connect() as connection:
        return connection.scalar(text(f"SELECT {freshness.HORIZON}"))


def change(connection, subject: str = SUBJECT) -> None:
    connection.execute(text("INSERT INTO fact_changes (subject) VALUES (:subject)"), {"subject": subject})


def ask_again(changes: freshness.Changes) -> None:
    changes._asked = float("-inf")


def test_a_copy_is_spared_until_its_fact_changes(changes):
    seen = horizon()
    assert changes.spare(seen, [SUBJECT])
    with db.engine.begin() as connection:
        change(connection)
    ask_again(changes)
    assert not changes.spare(seen, [SUBJECT])
    assert changes.spare(seen, ["user:{2}"])
    assert changes.spare(horizon(), [SUBJECT])


def test_a_copy_read_while_the_change_was_under_way_is_stale_whenever_it_is_looked_at(changes):
    """The refill that overtakes the invalidation: read before the commit, kept after it."""
    with db.engine.begin() as connection:
        change(connection)
        seen = horizon()
        ask_again(changes)
        assert changes.spare(seen, [SUBJECT])
    ask_again(changes)
    assert not changes.spare(seen, [SUBJECT])


def test_a_change_that_commits_late_is_not_missed(changes):
    """It began before another one that the process has already heard of."""
    seen = horizon()
    with db.engine.begin() as slow:
        change(slow)
        with db.engine.begin() as quick:
            change(quick, "user:{2}")
        ask_again(changes)
        assert not changes.spare(seen, ["user:{2}"])
    ask_again(changes)
    assert not changes.spare(seen, [SUBJECT])


def test_a_new_process_hears_of_what_changed_before_it_began(context):
    seen = horizon()
    with db.engine.begin() as connection:
        change(connection)
    assert not freshness.Changes().spare(seen, [SUBJECT])


def test_nothing_is_believed_for_long_when_the_database_does_not_tell(changes, monkeypatch):
    seen, began = horizon(), freshness.time.monotonic()
    monkeypatch.setattr(freshness, "_SINCE", text("SELECT no_such_column"))
    monkeypatch.setattr(freshness.time, "monotonic", lambda: began + freshness.ASK_SECONDS + 1)
    assert changes.spare(seen, [SUBJECT])
    monkeypatch.setattr(freshness.time, "monotonic", lambda: began + freshness.TRUST_SECONDS + 1)
    assert not changes.spare(seen, [SUBJECT])


def test_too_many_changes_make_every_older_copy_stale(changes, monkeypatch):
    monkeypatch.setattr(freshness, "MOST_SUBJECTS", 3)
    seen = horizon()
    with db.engine.begin() as connection:
        for number in range(5):
            change(connection, f"user:{{{number}}}")
    ask_again(changes)
    assert not changes.spare(seen, ["somebody:else"])
    assert changes.spare(horizon(), ["somebody:else"])
    assert changes._changed == {}


@pytest.mark.parametrize(
    ("act", "subjects"),
    [
        ("UPDATE users SET is_active = false WHERE id = :user", {"user:{USER}"}),
        ("UPDATE users SET auth_version = 2 WHERE id = :user", {"user:{USER}"}),
        ("UPDATE users SET is_active = is_active WHERE id = :user", set()),
        ("UPDATE sessions SET ended_at = now() WHERE id = :session", {"session:{USER}:SESSION"}),
        ("UPDATE sessions SET business_id = NULL WHERE id = :session", {"session:{USER}:SESSION"}),
        ("UPDATE sessions SET expires_at = now() WHERE id = :session", {"session:{USER}:SESSION"}),
        ("UPDATE sessions SET expires_at = expires_at + interval '1 day' WHERE id = :session", set()),
        ("UPDATE memberships SET role = 'agent', parent_id = NULL WHERE user_id = :user", {"businesses:{USER}"}),
        ("UPDATE memberships SET status = 'deactivated' WHERE user_id = :user", {"businesses:{USER}"}),
        ("UPDATE memberships SET full_name = 'X' WHERE user_id = :user", set()),
        ("UPDATE businesses SET is_active = false WHERE id = :business", {"business:BUSINESS"}),
        ("UPDATE business_settings SET cycle_days = 30 WHERE business_id = :business", {"settings:BUSINESS"}),
        ("INSERT INTO holidays VALUES (:business, '2030-01-01', 'X')", {"holidays:BUSINESS"}),
    ],
)
def test_a_change_is_noted_by_the_database_itself(context, cast, act, subjects):
    names = {"user": cast.hauwa.user_id, "business": cast.business_id}
    names["session"] = rows(cast.app, "SELECT max(id) AS id FROM sessions WHERE user_id = :u", u=names["user"])[0]["id"]
    with db.engine.connect() as connection:
        connection.execute(text(act), {name: value for name, value in names.items() if f":{name}" in act})
        noted = set(
            connection.scalars(text("SELECT subject FROM fact_changes WHERE xid = pg_current_xact_id()::text::bigint"))
        )
        connection.rollback()
    expected = set()
    for subject in subjects:
        for name, value in names.items():
            subject = subject.replace(name.upper(), str(value))
        expected.add(subject)
    assert noted == expected


def test_a_new_membership_of_somebody_who_can_sign_in_is_noted(rivals, cast):
    rivals.add("customer", "Funke Bello", parent=rivals.chidi, phone=cast.funke.phone)
    rivals.add("customer", "Nobody Yet", parent=rivals.chidi)
    noted = rows(rivals.app, "SELECT subject FROM fact_changes ORDER BY id DESC LIMIT 1")
    assert noted == [{"subject": f"businesses:{{{cast.funke.user_id}}}"}]


def test_old_notes_are_forgotten(context):
    with db.engine.begin() as connection:
        change(connection, "user:{999}")
        connection.execute(text("UPDATE fact_changes SET at = now() - interval '3 hours' WHERE subject = 'user:{999}'"))
    assert freshness.forget() >= 1
