"""Messages in the application: one's own, read or unread, and by which channels one is told."""

import functools

import pytest

from ofektom import outbox
from ofektom.extensions import db
from tests.telling import tell_everybody


@pytest.fixture
def told(app, fresh_cast):
    """Has people told what happened in this business."""
    return functools.partial(tell_everybody, app, fresh_cast.business_id)


@pytest.fixture
def funke(fresh_cast, told):
    """A customer with three messages."""
    account = fresh_cast.open_account(fresh_cast.funke)
    for days in (1, 2, 3):
        fresh_cast.mark(account, days=days)
    told()
    return fresh_cast.funke


def days_of(page: dict) -> list[str]:
    """How many days each marking of a page was for."""
    return [item["text"].split(" for ")[1].split(" ")[0] for item in page["items"]]


def test_messages_come_newest_first_in_pages(funke):
    page = funke.ok("GET", "/notifications?limit=2")
    assert days_of(page) == ["3", "2"]
    assert days_of(funke.ok("GET", f"/notifications?limit=2&cursor={page['next']}")) == ["1"]
    message = page["items"][0]
    assert (message["topic"], message["object_type"], message["read_at"]) == ("markings.collected", "collection", None)
    assert message["text"].startswith("NGN 1,500.00 received for 3 days, ")


def test_a_message_is_read_once(funke):
    newest = funke.ok("GET", "/notifications")["items"][0]["id"]
    assert funke.ok("GET", "/notifications/unread-count") == {"unread": 3}
    first = funke.ok("POST", f"/notifications/{newest}/read")["read_at"]
    assert first is not None
    assert funke.ok("POST", f"/notifications/{newest}/read")["read_at"] == first
    assert funke.ok("GET", "/notifications/unread-count") == {"unread": 2}
    assert days_of(funke.ok("GET", "/notifications?state=read")) == ["3"]
    assert days_of(funke.ok("GET", "/notifications?state=unread")) == ["2", "1"]
    assert funke.ok("POST", "/notifications/read") == {"marked": 2}
    assert funke.ok("POST", "/notifications/read") == {"marked": 0}


def test_nobody_else_reads_or_marks_them(fresh_cast, funke):
    newest = funke.ok("GET", "/notifications")["items"][0]["id"]
    for other in (fresh_cast.ada, fresh_cast.chidi, fresh_cast.gbenga):
        assert newest not in [item["id"] for item in other.ok("GET", "/notifications")["items"]]
        assert other.post(f"/notifications/{newest}/read").code == "not_found"
    assert funke.ok("GET", "/notifications/unread-count") == {"unread": 3}


def test_admins_are_told_of_a_request_but_not_of_their_own(fresh_cast, funke, told):
    account = funke.ok("GET", "/savings")["items"][0]["id"]
    fresh_cast.ada.ok("POST", "/payments", {"account_id": account, "amount": 10_000})
    told()
    topics = {who: [item["topic"] for item in who.ok("GET", "/notifications")["items"]] for who in admins(fresh_cast)}
    assert [topic for topic in topics[fresh_cast.bola] if topic == "payments.requested"] == ["payments.requested"]
    assert "payments.requested" not in topics[fresh_cast.ada]
    text = fresh_cast.bola.ok("GET", "/notifications")["items"][0]["text"]
    assert text.startswith("Funke Bello: a withdrawal of NGN 100.00 was requested. ")


def admins(cast) -> list:
    return [cast.ada, cast.bola]


def test_wishes_are_ones_own_and_kept(fresh_cast, funke, told):
    assert funke.ok("GET", "/notifications/preferences") == {"in_app": True, "sms": True, "email": False}
    assert fresh_cast.chidi.ok("GET", "/notifications/preferences")["sms"] is False
    changed = funke.ok("PATCH", "/notifications/preferences", {"in_app": False})
    assert changed == {"in_app": False, "sms": True, "email": False}
    assert funke.ok("PATCH", "/notifications/preferences", {"email": True})["in_app"] is False
    assert funke.ok("GET", "/notifications/preferences") == {"in_app": False, "sms": True, "email": True}
    fresh_cast.mark({"id": funke.ok("GET", "/savings")["items"][0]["id"]})
    told()
    assert funke.ok("GET", "/notifications/unread-count") == {"unread": 3}
    noted = fresh_cast.ada.ok("GET", "/audit?action=notifications.wishes_changed")["items"]
    assert [event["after"] for event in noted] == [{"email": True}, {"in_app": False}]


def test_a_row_that_cannot_be_passed_on_is_tried_later_and_holds_nobody_up(app, fresh_cast, caplog):
    heard = []

    def listen(row):
        if row["business_id"] == fresh_cast.business_id:
            heard.append(row["topic"])
            if row["topic"] == "markings.collected":
                raise ValueError("a mistake")

    account = fresh_cast.open_account(fresh_cast.funke)
    fresh_cast.mark(account)
    fresh_cast.chidi.ok("POST", f"/savings/{account['id']}/end", {"reason": "x"})
    mine = {"b": fresh_cast.business_id}
    with app.app_context():
        with db.engine.begin() as connection:  # what other tests have left
            connection.execute(db.text("DELETE FROM outbox WHERE business_id <> :b"), mine)
        while outbox.pass_on([listen], most=1000):
            pass
        left = db.session.execute(db.text("SELECT topic, attempts FROM outbox WHERE business_id = :b"), mine).all()
        db.session.rollback()
    assert heard[-2:] == ["markings.collected", "savings.completed"]
    assert [tuple(row) for row in left] == [("markings.collected", 1)]
    assert "cannot be passed on" in caplog.text
