"""Periods of reports."""

from datetime import date, timedelta

import pytest

from blueprints.figures.rules import InvalidPeriod, period

DAY = date(2026, 6, 30)


def test_a_period_without_an_end_is_of_31_days():
    assert period(None, None) == (None, None)
    assert period(date(2026, 6, 1), None) == (date(2026, 6, 1), date(2026, 7, 1))
    assert period(None, date(2026, 7, 1)) == (date(2026, 6, 1), date(2026, 7, 1))


def test_a_period_is_of_at_most_366_days_and_does_not_end_before_it_begins():
    assert period(DAY, DAY) == (DAY, DAY)
    assert period(DAY, DAY + timedelta(days=365)) == (DAY, DAY + timedelta(days=365))
    for until in (DAY + timedelta(days=366), DAY - timedelta(days=1)):
        with pytest.raises(InvalidPeriod):
            period(DAY, until)
