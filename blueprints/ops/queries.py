"""The state of what the service stands on."""

from datetime import date

from sqlalchemy import select

from ofektom import clock, pool
from ofektom.extensions import db
from ofektom.identity import Business


def database_answers() -> bool:
    """Whether PostgreSQL answers a statement."""
    return pool.is_answering()


def has_businesses() -> bool:
    """Whether any business has been opened."""
    return db.session.scalar(select(Business.id).limit(1)) is not None


def database_today() -> date:
    """The calendar date in Lagos, where the sample business lives."""
    return db.session.scalar(select(clock.today("Africa/Lagos")))
