"""Slots as pure functions of the terms."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.savings.rules import InvalidPlan, Plan, SlotStatus, Terms, check_plan, month_end, target_contribution

MONDAY = date(2026, 6, 1)
EVERY_DAY, MON_TO_SAT = 0b1111111, 0b0111111


def daily(*, cycles=1, cycle_days=31, start=MONDAY, weekdays=EVERY_DAY, cycle_kind="days", contribution=500, **more):
    terms = Terms(start, contribution, weekdays, cycles=cycles)
    return Plan("daily", cycle_kind, cycle_days, start, [terms], **more)


def target(amount, end, *, start=MONDAY, weekdays=EVERY_DAY, **more):
    plan = Plan("target", "days", 31, start, [], **more)
    terms = Terms(start, 0, weekdays, target_amount=amount, end_date=end)
    return replace(plan, versions=[replace(terms, contribution=target_contribution(plan, terms))])


def pay(plan, *days, amount=None):
    slots = {slot.date: slot for slot in plan.slots()}
    paid = {day: (amount or slots[day].amount, slots[day].cycle) for day in days}
    return replace(plan, paid=plan.paid | paid)


def test_a_card_of_31_boxes_has_31_slots():
    slots = daily().slots()
    assert len(slots) == 31
    assert (slots[0].date, slots[-1].date) == (MONDAY, date(2026, 7, 1))
    assert {slot.amount for slot in slots} == {500}
    assert {slot.cycle for slot in slots} == {1}


def test_collection_weekdays_and_holidays_make_no_slot():
    holiday = date(2026, 6, 12)
    slots = daily(weekdays=MON_TO_SAT, holidays=frozenset({holiday})).slots()
    assert len(slots) == 31
    assert all(slot.date.weekday() != 6 for slot in slots)
    assert holiday not in {slot.date for slot in slots}


@pytest.mark.parametrize(
    ("start", "days"), [(date(2026, 2, 1), 28), (date(2028, 2, 1), 29), (date(2026, 4, 1), 30), (date(2026, 1, 1), 31)]
)
def test_a_calendar_month_is_one_cycle_however_long(start, days):
    slots = daily(start=start, cycle_kind="calendar_month").slots()
    assert len(slots) == days
    assert {slot.cycle for slot in slots} == {1}


def test_cycles_by_month_begin_where_months_begin():
    slots = daily(start=date(2026, 1, 20), cycle_kind="calendar_month", cycles=2).slots()
    assert [sum(slot.cycle == cycle for slot in slots) for cycle in (1, 2)] == [12, 28]


def test_month_end_crosses_years():
    assert month_end(date(2026, 12, 5), 1) == date(2026, 12, 31)
    assert month_end(date(2026, 12, 5), 3) == date(2027, 2, 28)


def test_a_target_is_met_exactly_with_a_smaller_last_slot():
    plan = target(100_000, MONDAY + timedelta(days=29))
    amounts = [slot.amount for slot in plan.slots()]
    assert amounts == [3_334] * 29 + [3_314]
    assert sum(amounts) == 100_000


def test_a_tiny_target_needs_fewer_days():
    assert [slot.amount for slot in target(10, MONDAY + timedelta(days=7)).slots()] == [2] * 5


@given(
    amount=st.integers(1, 10**11),
    days=st.integers(1, 400),
    weekdays=st.integers(1, 127),
    holidays=st.sets(st.integers(0, 400), max_size=20),
)
def test_the_slots_of_a_target_always_sum_to_it(amount, days, weekdays, holidays):
    off = frozenset(MONDAY + timedelta(days=offset) for offset in holidays)
    try:
        plan = target(amount, MONDAY + timedelta(days=days), weekdays=weekdays, holidays=off)
    except InvalidPlan:
        return
    slots = plan.slots()
    assert sum(slot.amount for slot in slots) == amount
    assert all(slot.amount > 0 for slot in slots)


@st.composite
def plans(draw):
    """Any plan: with holidays, days paid in any order, and then other terms."""
    weekdays, size = st.integers(1, 127), st.integers(1, 40)
    off = frozenset(MONDAY + timedelta(days=offset) for offset in draw(st.sets(st.integers(0, 90), max_size=10)))
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["days", "calendar_month"]))
        cycles = draw(st.integers(1, 3))
        plan = daily(cycles=cycles, cycle_days=draw(size), cycle_kind=kind, weekdays=draw(weekdays), holidays=off)
    else:
        end = MONDAY + timedelta(days=60 + draw(size))
        plan = target(draw(st.integers(1, 10**6)), end, weekdays=draw(weekdays), holidays=off)
    plan = pay(plan, *draw(some_of(plan)))
    latest = replace(plan.latest, effective_from=MONDAY + timedelta(days=draw(size)), weekdays=draw(weekdays))
    changed = replace(latest, contribution=draw(st.integers(1, 10**6)))
    return replace(plan, versions=[*plan.versions, changed]) if draw(st.booleans()) else plan


def some_of(plan):
    """Open days of it, if it has any."""
    days = [slot.date for slot in plan.open_slots()]
    return st.lists(st.sampled_from(days), unique=True, max_size=8) if days else st.just([])


@given(st.data(), plans())
def test_who_pays_slots_changes_no_other(data, plan):
    days = data.draw(some_of(plan))
    paid = plan.with_paid([slot for slot in plan.open_slots() if slot.date in days])
    assert paid == pay(plan, *days)
    assert paid.slots() == pay(plan, *days).slots()


def test_a_new_contribution_applies_from_its_day_and_only_to_open_slots():
    plan = pay(daily(), MONDAY, MONDAY + timedelta(days=20))
    change = Terms(MONDAY + timedelta(days=10), 800, EVERY_DAY, cycles=1)
    slots = {slot.date: slot for slot in replace(plan, versions=[*plan.versions, change]).slots()}
    assert len(slots) == 31
    assert slots[MONDAY].amount == 500
    assert slots[MONDAY + timedelta(days=9)].amount == 500
    assert slots[MONDAY + timedelta(days=10)].amount == 800
    assert slots[MONDAY + timedelta(days=20)].amount == 500, "paid before the change"


def test_new_weekdays_keep_a_paid_day_that_is_no_longer_one():
    sunday = MONDAY + timedelta(days=6)
    plan = pay(daily(), sunday)
    change = Terms(MONDAY, 500, MON_TO_SAT, cycles=1)
    slots = replace(plan, versions=[*plan.versions, change]).slots()
    assert len(slots) == 31
    assert [slot.date for slot in slots if slot.date.weekday() == 6] == [sunday]


def test_a_day_paid_far_ahead_is_counted_although_the_plan_shrinks_before_it():
    plan = daily(weekdays=0b0000001)
    last = plan.slots()[-1].date
    change = Terms(MONDAY, 500, EVERY_DAY, cycles=1)
    paid = pay(plan, last)
    slots = replace(paid, versions=[*paid.versions, change]).slots()
    assert len(slots) == 31
    assert slots[-1].date == last


def test_ending_leaves_the_paid_slots_only():
    plan = pay(daily(), MONDAY)
    slots = replace(plan, ended_on=MONDAY).slots()
    assert [(slot.date, slot.paid) for slot in slots] == [(MONDAY, True)]


def test_the_target_of_a_plan_can_change_on_the_way():
    plan = target(31_000, MONDAY + timedelta(days=30))
    plan = pay(plan, *(MONDAY + timedelta(days=offset) for offset in range(5)))
    change = Terms(
        MONDAY + timedelta(days=10), 0, EVERY_DAY, target_amount=52_000, end_date=MONDAY + timedelta(days=30)
    )
    change = replace(change, contribution=target_contribution(plan, change))
    slots = replace(plan, versions=[*plan.versions, change]).slots()
    assert sum(slot.amount for slot in slots) == 52_000
    assert change.contribution == 2_000


def test_a_slot_knows_how_it_stands_today():
    plan = pay(daily(), MONDAY)
    today = MONDAY + timedelta(days=2)
    assert [slot.status(today) for slot in plan.slots()[:4]] == [
        SlotStatus.PAID,
        SlotStatus.MISSED,
        SlotStatus.DUE,
        SlotStatus.OPEN,
    ]


def test_a_cycle_is_past_after_its_last_day_and_finished_when_paid_up_or_ended():
    plan = pay(daily(cycle_days=2, cycles=2), MONDAY, MONDAY + timedelta(days=2))
    assert [cycle.past for cycle in plan.cycles(MONDAY + timedelta(days=1))] == [False, False]
    assert [cycle.past for cycle in plan.cycles(MONDAY + timedelta(days=2))] == [True, False]
    assert [cycle.finished for cycle in plan.cycles(MONDAY + timedelta(days=2))] == [False, False]
    paid_up = pay(plan, MONDAY + timedelta(days=1))
    assert [cycle.finished for cycle in paid_up.cycles(MONDAY)] == [True, False]
    assert all(cycle.finished for cycle in replace(plan, ended_on=MONDAY).cycles(MONDAY))


@pytest.mark.parametrize(
    "plan",
    [
        daily(cycles=40, cycle_days=31),
        daily(cycles=12, cycle_days=31, weekdays=0b0000001),
    ],
)
def test_a_plan_beyond_reason_is_refused(plan):
    with pytest.raises(InvalidPlan):
        check_plan(plan)
