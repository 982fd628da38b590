"""Periods of reports."""

from datetime import date, timedelta

from ofektom.errors import Problem

MOST_DAYS = 366
USUAL_DAYS = 31


class InvalidPeriod(Problem):
    code, status = "reports.invalid_period", 422
    title = f"A report is of at least one day and at most {MOST_DAYS}"


def period(since: date | None, until: date | None) -> tuple[date | None, date | None]:
    """The first and the last day of a report; where one is missing, 31 days. Raises InvalidPeriod.

    (None, None) stays: which 31 days end today is for the database to say.
    """
    usual = timedelta(days=USUAL_DAYS - 1)
    if since is None and until is None:
        return None, None
    since, until = since or until - usual, until or since + usual
    if not 1 <= (until - since).days + 1 <= MOST_DAYS:
        raise InvalidPeriod
    return since, until
