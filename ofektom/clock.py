"""The time, by the clock of the database.

Application servers may disagree about the time and a client's clock is only evidence, so every business decision asks
PostgreSQL. CLOCK_OFFSET_SECONDS moves this clock for rehearsals and tests; production refuses it.
"""

from datetime import date, datetime

from flask import current_app
from sqlalchemy import Date, DateTime, Interval, bindparam, cast, func, select
from sqlalchemy.sql.elements import ColumnElement

from ofektom.extensions import db

# Read when a statement runs, for statements are made once and run for a long time.
_offset = bindparam("clock_offset", type_=Interval, callable_=lambda: current_app.config["CLOCK_OFFSET"])


def now() -> ColumnElement[datetime]:
    """An SQL expression: the time at which the current transaction began, with time zone."""
    return cast(func.now() + _offset, DateTime(timezone=True))


def today(timezone: ColumnElement[str] | str) -> ColumnElement[date]:
    """An SQL expression: the calendar date in `timezone` (an IANA name), which is the business day there."""
    return cast(func.timezone(timezone, now()), Date)


def midnight(day: ColumnElement[date], timezone: ColumnElement[str] | str) -> ColumnElement[datetime]:
    """An SQL expression: the moment at which a calendar date begins in `timezone`."""
    return func.timezone(timezone, cast(day, DateTime))


def read_now() -> datetime:
    """The time, fetched with a statement of its own."""
    return db.session.scalar(select(now()))
