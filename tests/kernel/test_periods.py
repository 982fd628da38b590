"""What an account held before and after some days is what its movements say, to the last unit."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofektom import ledger, periods
from ofektom.database import verb
from ofektom.extensions import db
from ofektom.ledger import Act, Entry, Movement
from tests.kernel import tables
from tests.kernel.test_ledger import MINT, PURSE, SAFE, _references, open_books

MONDAY = date(2027, 1, 4)
DAYS = st.integers(0, 5).map(lambda days: MONDAY + timedelta(days=days))


@verb
def post(business_id: int, day: date, *movements: Movement) -> None:
    act = Act(business_id, day, datetime(2027, 1, 31, 9, tzinfo=UTC))
    ledger.post(act, Entry("test", f"period:{next(_references)}", movements))


def lines(business_id: int, limit: int, **options) -> list[dict]:
    """Every line of a period, page by page."""
    found, cursor = [], None
    while True:
        page = ledger.statement(business_id, PURSE, limit=limit, cursor=cursor, **options)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(st.tuples(DAYS, st.integers(1, 500), st.booleans()), max_size=9),
    first=st.none() | DAYS,
    last=st.none() | DAYS,
    limit=st.integers(1, 4),
)
def test_opening_and_lines_make_closing(context, acts, first, last, limit):
    """Whatever the days, also when an entry of yesterday is written after one of today."""
    books = tables.new_business()
    open_books(books)
    signed = [(MONDAY - timedelta(days=9), 10_000)]
    post(books, signed[0][0], Movement(MINT, PURSE, 10_000))
    for day, amount, comes_in in acts:
        source, destination = (MINT, PURSE) if comes_in else (PURSE, SAFE)
        post(books, day, Movement(source, destination, amount))
        signed.append((day, amount if comes_in else -amount))
    period = ledger.period(first, last)
    before = [amount for day, amount in signed if day < period.first and day <= period.last]
    within = [amount for day, amount in signed if period.first <= day <= period.last]
    totals = periods.totals(books, PURSE, period)
    assert totals["opening_balance"] == sum(before)
    assert (totals["total_in"], totals["total_out"]) == (
        sum(amount for amount in within if amount > 0),
        -sum(amount for amount in within if amount < 0),
    )
    forwards = lines(books, limit, period=period, up_to=totals["up_to"], newest_first=False)
    assert [line["amount"] for line in forwards] == within
    assert lines(books, limit, period=period, up_to=totals["up_to"]) == forwards[::-1]
    assert totals["opening_balance"] + sum(within) == totals["closing_balance"]
    assert totals["lines"] == len(within)


@pytest.mark.usefixtures("context")
def test_what_comes_after_the_totals_is_not_in_the_lines():
    books = tables.new_business()
    open_books(books)
    post(books, MONDAY, Movement(MINT, PURSE, 70))
    totals = periods.totals(books, PURSE, ledger.EVER)
    db.session.rollback()
    post(books, MONDAY, Movement(MINT, PURSE, 5))
    assert [line["amount"] for line in lines(books, 9, up_to=totals["up_to"])] == [70]
    assert totals["closing_balance"] == 70


@pytest.mark.usefixtures("context")
def test_an_account_without_movements_holds_nothing():
    books = tables.new_business()
    open_books(books)
    totals = periods.totals(books, PURSE, ledger.EVER)
    nothing = {"opening_balance": 0, "total_in": 0, "total_out": 0, "lines": 0, "up_to": 0, "closing_balance": 0}
    assert totals == nothing
    assert lines(books, 9, up_to=totals["up_to"]) == []
