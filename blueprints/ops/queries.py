"""The state of what the service stands on."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ofektom.extensions import db


def database_answers() -> bool:
    """Whether PostgreSQL answers a statement."""
    try:
        return db.session.scalar(text("SELECT 1")) == 1
    except SQLAlchemyError:
        return False
