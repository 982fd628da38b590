"""A reader who is overtaken by a change keeps nothing of what it had read before it, and hands it to nobody."""

import threading
import time

import pytest
from sqlalchemy import text

from ofektom import facts
from ofektom.caching import get_cache
from ofektom.extensions import db
from ofektom.facts import GONE, Fact, Reading
from ofektom.freshness import HORIZON, changes

NAME = "user:{1}"
LIVES = {NAME: 60}


@pytest.fixture
def context(app):
    with app.app_context():
        get_cache().flush_db()
        changes().spare(0, [])
        yield


def reading(data: str) -> Reading:
    with db.engine.connect() as connection:
        return Reading(connection.scalar(text(f"SELECT {HORIZON}")), {NAME: Fact(data)})


def test_a_stale_copy_is_replaced(context):
    get_cache().set(NAME, [1, 0.1 + 0.2, {"name": "Ọbí", "at": 1e-7}, ["business:1"]])
    assert facts.look_up(LIVES, lambda: reading("new")) == {NAME: "new"}
    assert get_cache().get(NAME)[2] == "new"


def test_a_tombstone_outlives_a_reader_who_had_found_a_stale_copy(context):
    """The copy is too old when the reader looks; the change commits while it reads the rows as they were."""
    get_cache().set(NAME, [1, time.time() - 3600, "older", []])

    def read() -> Reading:
        old = reading("old")
        facts.forget(NAME)
        return old

    assert facts.look_up(LIVES, read) == {NAME: "old"}
    assert get_cache().get(NAME) == GONE
    assert facts.look_up(LIVES, lambda: reading("new")) == {NAME: "new"}


def test_who_asks_after_a_change_is_not_told_what_was_read_before_it(app, context):
    began, may_end = threading.Event(), threading.Event()

    def read() -> Reading:
        old = reading("old")
        began.set()
        may_end.wait(10)
        return old

    def look() -> None:
        with app.app_context():
            facts.look_up(LIVES, read)

    slow = threading.Thread(target=look, daemon=True)
    slow.start()
    assert began.wait(10)
    facts.forget(NAME)
    threading.Timer(0.3, may_end.set).start()
    assert facts.look_up(LIVES, lambda: reading("new")) == {NAME: "new"}
    slow.join(10)
    assert get_cache().get(NAME) == GONE
