"""The business day is the calendar's in the business's own time zone, by the database's clock."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from ofektom import clock
from ofektom.database import verb
from ofektom.extensions import db
from tests.kernel import tables

pytestmark = pytest.mark.usefixtures("context", "calendar")


def set_to(app, moment: datetime) -> None:
    app.config["CLOCK_OFFSET"] = moment - datetime.now(UTC)


def today(timezone: str = "Africa/Lagos") -> date:
    db.session.rollback()
    return db.session.scalar(select(clock.today(timezone)))


@pytest.mark.parametrize(
    ("utc", "lagos"),
    [
        (datetime(2027, 3, 10, 22, 30), date(2027, 3, 10)),
        (datetime(2027, 3, 10, 23, 30), date(2027, 3, 11)),
        (datetime(2027, 1, 31, 23, 30), date(2027, 2, 1)),
        (datetime(2027, 2, 28, 23, 30), date(2027, 3, 1)),
        (datetime(2028, 2, 28, 23, 30), date(2028, 2, 29)),
        (datetime(2027, 12, 31, 23, 30), date(2028, 1, 1)),
    ],
)
def test_half_past_eleven_in_utc_is_tomorrow_in_lagos(app, utc, lagos):
    set_to(app, utc.replace(tzinfo=UTC))
    assert (today("UTC"), today()) == (utc.date(), lagos)


def test_the_day_is_the_zones_whichever_side_of_utc(app):
    set_to(app, datetime(2027, 3, 10, 11, 30, tzinfo=UTC))
    days = [today(zone).day for zone in ("Pacific/Kiritimati", "Africa/Lagos", "Pacific/Pago_Pago")]
    assert days == [11, 10, 10]


def test_without_an_offset_it_is_the_databases_time(app):
    app.config["CLOCK_OFFSET"] = timedelta()
    read = clock.read_now()
    assert read == db.session.scalar(select(db.func.now()))
    assert abs(read - datetime.now(UTC)) < timedelta(minutes=1)
    assert read.utcoffset() == timedelta()


def test_the_time_stands_still_within_a_transaction():
    @verb
    def twice():
        first = clock.read_now()
        tables.run("SELECT pg_sleep(0.01)")
        return first, clock.read_now()

    first, second = twice()
    assert first == second
    assert clock.read_now() > second


def test_the_clock_moves_on_and_back_again(app, calendar):
    calendar.to(date(2027, 1, 31))
    assert today() == date(2027, 1, 31)
    calendar.forward(days=1)
    assert today() == date(2027, 2, 1)
