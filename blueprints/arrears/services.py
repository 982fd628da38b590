"""Reckoning beforehand what a business with many accounts could not be told when it asks."""

from typing import NamedTuple

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from blueprints.arrears import queries
from blueprints.arrears.models import Reckoning
from ofektom import clock
from ofektom.database import verb
from ofektom.extensions import db

# One piece takes a fraction of a second; a statement of a request would have less time than a busy hour may need.
PIECE = 2000
PIECE_TIMEOUT = "60s"


class Books(NamedTuple):
    """A business whose accounts are reckoned, by nobody's wish."""

    business_id: int
    timezone: str


@verb
def begin(books: Books) -> int:
    """The reckoning of today that is under way, or else a new one; returns its id. One of another day is given up."""
    own, today = Reckoning.business_id == books.business_id, clock.today(books.timezone)
    db.session.execute(delete(Reckoning).where(own, Reckoning.ended_at.is_(None), Reckoning.day != today))
    values = {"business_id": books.business_id, "day": today, "begun_at": clock.now()}
    db.session.execute(insert(Reckoning).values(values).on_conflict_do_nothing())
    return db.session.scalar(select(Reckoning.id).where(own, Reckoning.ended_at.is_(None)))


@verb
def go_on(books: Books, reckoning_id: int) -> bool:
    """Add the next piece to a reckoning; returns whether it did, and not when it is whole or another is just doing so.

    Its row is locked meanwhile, so each piece is added once, whoever does it.
    """
    db.session.execute(text(f"SET LOCAL statement_timeout = '{PIECE_TIMEOUT}'"))
    own = Reckoning.business_id == books.business_id
    query = select(Reckoning).where(own, Reckoning.id == reckoning_id, Reckoning.ended_at.is_(None))
    reckoning = db.session.scalar(query.with_for_update(skip_locked=True))
    if reckoning is None:
        return False
    found = queries.piece(books, reckoning.last_account_id, PIECE)
    row = db.session.execute(found, {"as_of": reckoning.day}).mappings().one()
    reckoning.last_account_id = row["last_account_id"]
    for name in queries.SUMS + queries.SUMS_OF_THE_DAY:
        setattr(reckoning, name, getattr(reckoning, name) + row[name])
    if row["read"] < PIECE:
        reckoning.ended_at = clock.read_now()
        of_the_day = (Reckoning.day == reckoning.day, Reckoning.id < reckoning.id)
        db.session.execute(delete(Reckoning).where(own, *of_the_day))
    return True


def reckon_some() -> bool:
    """Add a piece to the first reckoning that is due and that nobody else is at; returns whether there was one."""
    due = (Books(**business) for business in queries.to_reckon())
    return any(go_on(books, begin(books)) for books in due)
