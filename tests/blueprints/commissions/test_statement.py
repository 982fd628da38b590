"""The period of a collector's statement goes by the business's calendar."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

LAGOS = ZoneInfo("Africa/Lagos")


@pytest.mark.parametrize("minutes", [1, -1])
def test_a_period_ends_and_begins_at_midnight_where_the_business_is(fresh_cast, calendar, minutes):
    """An hour before UTC's midnight, by which the index looks up what the calendar then decides exactly."""
    midnight = datetime.now(LAGOS).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    moment = midnight + timedelta(minutes=minutes)
    account = fresh_cast.open_account(fresh_cast.funke)
    calendar.app.config["CLOCK_OFFSET"] = moment - datetime.now(LAGOS)
    fresh_cast.mark(account)

    def cycles(since, until) -> int:
        path = f"/commissions/agents/{fresh_cast.chidi.id}/statement?since={since}&until={until}"
        return fresh_cast.ada.ok("GET", path)["cycles"]

    day, before, after = (moment.date() + timedelta(days=days) for days in (0, -1, 1))
    assert cycles(day, day) == 1
    assert cycles(before, after) == 1
    assert cycles(before, before) == 0
    assert cycles(after, after) == 0
