"""The state of what the service stands on."""

from datetime import date

from sqlalchemy import select

from ofektom import clock, green, pool
from ofektom.errors import DeadlineExceeded
from ofektom.extensions import db
from ofektom.identity import Business

# Balancers and monitors do not wait for as long as a request may take.
DATABASE_SECONDS = 2


def database_answers() -> bool:
    """Whether PostgreSQL answers a statement, and soon."""
    try:
        with green.deadline(DATABASE_SECONDS):
            return pool.is_answering()
    except DeadlineExceeded:
        return False


def has_businesses() -> bool:
    """Whether any business has been opened."""
    return db.session.scalar(select(Business.id).limit(1)) is not None


def database_today() -> date:
    """The calendar date in Lagos, where the sample business lives."""
    return db.session.scalar(select(clock.today("Africa/Lagos")))
