"""Every act leaves a row, the rows are sealed into a chain, and a broken chain is noticed."""

from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from ofektom import audit
from ofektom.audit import PLATFORM
from ofektom.database import verb
from ofektom.errors import Conflict
from ofektom.extensions import db
from ofektom.identity import Actor
from tests.kernel import tables

seal = verb(audit.seal)


@verb
def note(business_id: int, *names: str, **facts) -> None:
    for name in names:
        audit.record(f"test.{name}", "thing", 7, actor=None, business_id=business_id, **facts)


def rows(business_id: int) -> list[dict]:
    query = "SELECT * FROM audit_events WHERE business_id = :b ORDER BY id"
    return [dict(row) for row in tables.run(query, b=business_id).mappings()]


def links(business_id: int) -> list[tuple]:
    query = "SELECT position, rows FROM audit_seals WHERE business_id = :b ORDER BY position"
    return [tuple(row) for row in tables.run(query, b=business_id)]


def broken(business_id: int) -> list[int]:
    """What a fresh look finds, not what this session remembers."""
    db.session.expunge_all()
    return audit.broken_seals(business_id)


def test_a_row_says_who_did_what_to_which_and_what_changed(business):
    user_id = tables.new_user()
    actor = Actor(user_id, 1, False, business, tables.new_member(business, user_id), "agent")
    changed = {"before": {"day": date(2027, 1, 31), "name": None}, "after": {"name": "Ada"}}
    verb(audit.record)("things.changed", "thing", 7, actor=actor, **changed)
    [row] = rows(business)
    assert (row["user_id"], row["membership_id"]) == (user_id, actor.membership_id)
    assert (row["action"], row["object_type"], row["object_id"]) == ("things.changed", "thing", 7)
    assert (row["before"], row["after"]) == ({"day": "2027-01-31", "name": None}, {"name": "Ada"})
    assert row["request_id"] is None


def test_a_membership_is_not_noted_in_another_business(business):
    """Staff act in a business without being members of it, and a member's id means nothing elsewhere."""
    actor = Actor(tables.new_user(), 1, True, tables.new_business(), 99, "admin")
    verb(audit.record)("things.changed", "thing", 7, actor=actor, business_id=business)
    [row] = rows(business)
    assert (row["user_id"], row["membership_id"]) == (actor.user_id, None)


def test_acts_of_no_business_belong_to_the_platform(context):
    actor = Actor(tables.new_user(), 1, True)
    before = len(rows(PLATFORM))
    verb(audit.record)("things.changed", "thing", 7, actor=actor)
    assert rows(PLATFORM)[before]["user_id"] == actor.user_id


def test_an_act_that_is_refused_leaves_no_row(business):
    @verb
    def refused():
        audit.record("test.never", "thing", 7, actor=None, business_id=business)
        raise Conflict

    with pytest.raises(Conflict):
        refused()
    assert rows(business) == []


def test_an_act_over_http_carries_the_id_of_its_request(cast, app):
    cast.ada.ok("POST", "/units", {"name": "Balogun"}, headers={"X-Request-ID": "market-day-1"})
    with app.app_context():
        assert rows(cast.business_id)[-1]["request_id"] == "market-day-1"


def test_sealing_covers_every_row_once(business):
    note(business, "one", "two")
    assert (seal(business), seal(business)) == (2, 0)
    note(business, "three")
    assert seal(business) == 1
    assert links(business) == [(1, 2), (2, 1)]
    assert broken(business) == []


def test_a_long_backlog_is_sealed_in_batches(business, monkeypatch):
    monkeypatch.setattr(audit, "SEAL_BATCH", 3)
    note(business, *"abcdefg")
    assert [seal(business) for _ in range(4)] == [3, 3, 1, 0]
    assert broken(business) == []


def test_each_business_has_a_chain_of_its_own(business):
    other = tables.new_business()
    note(business, "one")
    note(other, "one")
    seal(business)
    assert (links(business), links(other)) == ([(1, 1)], [])


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("""UPDATE audit_events SET after = '{"amount": 1}' WHERE business_id = :b AND action = 'test.three'""", [2]),
        ("UPDATE audit_events SET user_id = 1 WHERE business_id = :b AND action = 'test.one'", [1]),
        ("UPDATE audit_events SET at = at + interval '1 hour' WHERE business_id = :b AND action = 'test.two'", [1]),
        ("DELETE FROM audit_events WHERE business_id = :b AND action = 'test.four'", [2]),
        ("DELETE FROM audit_events WHERE business_id = :b AND action IN ('test.one', 'test.two')", [1]),
        ("UPDATE audit_seals SET digest = repeat('0', 64) WHERE business_id = :b AND position = 1", [1, 2]),
        ("DELETE FROM audit_seals WHERE business_id = :b AND position = 2", [3, 0]),
    ],
)
def test_what_is_changed_behind_the_applications_back_is_found(business, tampering, found):
    for names in (("one", "two"), ("three", "four"), ("five",)):
        note(business, *names, after={"amount": 5})
        seal(business)
    assert broken(business) == []
    with tables.tampering():
        tables.run(tampering, b=business)
        assert broken(business) == found
    assert broken(business) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_events SET action = 'x' WHERE business_id = :b",
        "UPDATE audit_events SET seal_id = NULL WHERE business_id = :b",
        "UPDATE audit_events SET seal_id = seal_id + 1 WHERE business_id = :b",
        "DELETE FROM audit_events WHERE business_id = :b",
        "UPDATE audit_seals SET digest = 'x' WHERE business_id = :b",
        "DELETE FROM audit_seals WHERE business_id = :b",
    ],
)
def test_neither_rows_nor_links_can_be_changed(business, change):
    note(business, "one")
    seal(business)
    with pytest.raises(IntegrityError, match="append-only"):
        tables.run(change, b=business)
    db.session.rollback()
