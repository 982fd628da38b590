"""Straight to the tables: what the kernel's tests need to stand on, made without any slice."""

import contextlib
import itertools
from collections.abc import Iterator

from sqlalchemy import text

from ofektom.auth import Session
from ofektom.database import verb
from ofektom.extensions import db
from ofektom.identity import Business, Membership, User

_names = itertools.count(1)


def run(query: str, **values):
    """Execute SQL in the current session."""
    return db.session.execute(text(query), values)


@verb
def add(row):
    """Insert a model and give it back with its id."""
    db.session.add(row)
    db.session.flush()
    return row


def new_business() -> int:
    return add(Business(name=f"Kernel {next(_names)}")).id


def new_user(**more) -> int:
    return add(User(full_name="Kemi Kernel", username=f"kemi-{next(_names)}", **more)).id


def new_member(business_id: int, user_id: int, **more) -> int:
    facts = {"role": "agent", "status": "active", "full_name": "Kemi Kernel"} | more
    return add(Membership(business_id=business_id, user_id=user_id, **facts)).id


def new_session(user_id: int, business_id: int | None) -> int:
    session = Session(user_id=user_id, business_id=business_id)
    session.expires_at = db.func.now() + db.text("interval '1 day'")
    return add(session).id


@contextlib.contextmanager
def tampering() -> Iterator[None]:
    """A transaction in which the triggers sleep, as for somebody with a superuser's password; nothing of it is kept."""
    db.session.rollback()
    db.session.expunge_all()
    run("SET LOCAL session_replication_role = replica")
    try:
        yield
    finally:
        db.session.rollback()
