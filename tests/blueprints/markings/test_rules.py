"""Which slots a payment fills."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.markings.rules import BeyondPlan, NotASlot, fill, may_reverse, route_status
from blueprints.savings.rules import SlotTaken
from tests.blueprints.savings.test_rules import MONDAY, daily, pay


def day(offset):
    return MONDAY + timedelta(days=offset)


def filling(plan, credit=0, days=None, dates=None, amount=None):
    return fill(plan, credit, days=days, dates=dates, amount=amount)


def test_one_day_is_the_default_and_the_oldest_open_slot_comes_first():
    plan = pay(daily(), day(0), day(2))
    assert [slot.date for slot in filling(plan).slots] == [day(1)]
    assert [slot.date for slot in filling(plan, days=2).slots] == [day(1), day(3)]


def test_an_amount_keeps_its_remainder_as_credit():
    result = filling(daily(), amount=1_250)
    assert (len(result.slots), result.cash, result.credit_change) == (2, 1_250, 250)


def test_credit_is_used_first():
    assert filling(daily(), credit=250).cash == 250
    result = filling(daily(), credit=250, amount=250)
    assert (len(result.slots), result.credit_change) == (1, -250)


def test_credit_that_covers_everything_takes_no_cash():
    result = filling(daily(), credit=700)
    assert (result.cash, result.credit_change) == (0, -500)


def test_a_small_amount_fills_no_slot_and_is_kept():
    result = filling(daily(), amount=1)
    assert (result.slots, result.cash, result.credit_change) == ([], 1, 1)


def test_dates_are_taken_as_given():
    plan = pay(daily(), day(0))
    assert [slot.date for slot in filling(plan, dates=[day(9), day(4)]).slots] == [day(4), day(9)]
    with pytest.raises(SlotTaken):
        filling(plan, dates=[day(0)])
    with pytest.raises(NotASlot):
        filling(plan, dates=[day(31)])


def test_more_than_the_plan_has_open_is_refused():
    with pytest.raises(BeyondPlan):
        filling(daily(), days=32)
    with pytest.raises(BeyondPlan) as refusal:
        filling(daily(), amount=31 * 500 + 1)
    assert refusal.value.extra == {"payable": 15_500}


@given(credit=st.integers(0, 2_000), amount=st.integers(1, 31 * 500))
def test_no_kobo_is_lost_or_invented(credit, amount):
    try:
        result = filling(daily(), credit=credit, amount=amount)
    except BeyondPlan:
        return
    assert result.cash == amount
    assert credit + result.credit_change >= 0
    assert sum(slot.amount for slot in result.slots) + result.credit_change == amount


@pytest.mark.parametrize(
    ("is_admin", "is_recorder", "minutes_ago", "allowed"),
    [(True, False, 9_999, True), (False, True, 15, True), (False, True, 16, False), (False, False, 0, False)],
)
def test_who_may_reverse(is_admin, is_recorder, minutes_ago, allowed):
    now = datetime(2026, 6, 1, 12)
    at = now - timedelta(minutes=minutes_ago)
    assert may_reverse(is_admin=is_admin, is_recorder=is_recorder, at=at, now=now, minutes=15) == allowed


@pytest.mark.parametrize(
    ("paid", "today", "status"),
    [([], 0, "due"), ([], 1, "due"), ([1], 1, "missed"), ([0, 1], 1, "paid"), (range(31), 40, "nothing")],
)
def test_the_route_says_what_to_do(paid, today, status):
    plan = pay(daily(), *(day(offset) for offset in paid))
    assert route_status(plan.slots(), day(today)) == status


def test_dates_of_another_year_are_no_slot():
    with pytest.raises(NotASlot):
        filling(daily(), dates=[date(2030, 1, 1)])
