"""The state of what the service stands on."""

from datetime import date

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from ofektom import clock
from ofektom.extensions import db
from ofektom.identity import Business


def database_answers() -> bool:
    """Whether PostgreSQL answers a statement."""
    try:
        return db.session.scalar(text("SELECT 1")) == 1
    except SQLAlchemyError:
        return False


def has_businesses() -> bool:
    """Whether any business has been opened."""
    return db.session.scalar(select(Business.id).limit(1)) is not None


def database_today() -> date:
    """The calendar date in Lagos, where the sample business lives."""
    return db.session.scalar(select(clock.today("Africa/Lagos")))
