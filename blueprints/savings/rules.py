"""Plans and their slots, as pure functions of the terms.

A slot is one collection day: its date, amount and cycle. Slots are never stored; what is stored is the terms, in
versions that each apply from a day on, and the slots that have been paid, which no later version rewrites or removes.
"""

import calendar
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from blueprints.commissions.rules import CycleState
from blueprints.settings.rules import CycleKind
from ofektom.errors import Problem

MAX_SLOTS = 1000
MAX_YEARS = 5
ONE_DAY = timedelta(days=1)


class PlanKind(StrEnum):
    DAILY = "daily"
    TARGET = "target"


class State(StrEnum):
    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    PAID_OUT = "paid_out"


OPEN_STATES = (State.NOT_STARTED, State.IN_PROGRESS)


class SlotStatus(StrEnum):
    PAID = "paid"
    DUE = "due"
    MISSED = "missed"
    OPEN = "open"


class MarkingStatus(StrEnum):
    PAID = "paid"
    REVERSED = "reversed"


class InvalidPlan(Problem):
    code, status, title = "savings.invalid_plan", 422, "No plan can be made of these terms"


class NotACustomer(Problem):
    code, status, title = "savings.not_a_customer", 422, "That member is not a customer who can save"


class AccountClosed(Problem):
    code, status, title = "savings.closed", 409, "This savings account is completed"


class NotCompleted(Problem):
    code, status, title = "savings.not_completed", 409, "This savings account is not completed yet"


class AlreadyRolledOver(Problem):
    code, status, title = "savings.already_rolled_over", 409, "This savings account has its next plan already"
    constraints = ("uq_savings_accounts_rolled_from",)


class SlotTaken(Problem):
    code, status, title = "markings.slot_taken", 409, "One of these days is already paid"
    constraints = ("uq_markings_slot",)


class TrackingNumberTaken(Problem):
    code, status, title = "savings.tracking_number_taken", 409, "Try again: the card number was just taken"
    constraints = ("uq_savings_accounts_tracking_number",)


@dataclass(frozen=True)
class Terms:
    """One version of a plan's terms, in force from `effective_from` on. Amounts in minor units.

    Daily plans have `cycles`; target plans `target_amount` and `end_date` (inclusive).
    """

    effective_from: date
    contribution: int
    weekdays: int
    cycles: int | None = None
    target_amount: int | None = None
    end_date: date | None = None


class Slot(NamedTuple):
    """One collection day. `amount` in minor units; `cycle` counts from 1."""

    date: date
    amount: int
    cycle: int
    paid: bool = False

    def status(self, today: date) -> SlotStatus:
        if self.paid:
            return SlotStatus.PAID
        if self.date == today:
            return SlotStatus.DUE
        return SlotStatus.MISSED if self.date < today else SlotStatus.OPEN


@dataclass(frozen=True)
class Plan:
    """All that decides the slots of an account."""

    kind: str
    cycle_kind: str
    cycle_days: int
    start: date
    versions: Sequence[Terms]
    holidays: frozenset[date] = frozenset()
    paid: dict[date, tuple[int, int]] = field(default_factory=dict)  # date -> (amount, cycle)
    ended_on: date | None = None

    @property
    def latest(self) -> Terms:
        return self.versions[-1]

    def slots(self) -> list[Slot]:
        """Every slot by date: the paid ones as they were paid, the open ones as the terms say."""
        return self._slots

    @cached_property
    def _slots(self) -> list[Slot]:
        if self.ended_on is not None:
            return [Slot(day, *self.paid[day], paid=True) for day in sorted(self.paid)]
        return self._target_slots() if self.kind == PlanKind.TARGET else self._daily_slots()

    def with_paid(self, slots: Sequence[Slot]) -> "Plan":
        """The plan once these open slots of it are paid. No other slot changes by that, so none is computed anew."""
        paid = {slot.date: slot for slot in slots}
        plan = replace(self, paid=self.paid | {day: (slot.amount, slot.cycle) for day, slot in paid.items()})
        known = [slot._replace(paid=True) if slot.date in paid else slot for slot in self.slots()]
        vars(plan)["_slots"] = known
        return plan

    def is_paid_up(self) -> bool:
        """Whether every slot is paid, and a target reached: a holiday may have taken its last open day."""
        if self.open_slots():
            return False
        paid = sum(amount for amount, _ in self.paid.values())
        return self.kind == PlanKind.DAILY or paid >= self.latest.target_amount

    def open_slots(self) -> list[Slot]:
        return [slot for slot in self.slots() if not slot.paid]

    def _reigns(self, limit: date) -> Iterator[tuple[Terms, date]]:
        """The versions of the terms, each with the last day to `limit` on which it applies."""
        for version, following in itertools.pairwise([*self.versions, None]):
            yield version, limit if following is None else min(limit, following.effective_from - ONE_DAY)

    def _days(self, last: date | None) -> Iterator[tuple[date, Terms]]:
        """The collection days from the start to `last`, each with the terms that apply on it.

        These are the weekdays of the terms but for holidays, and every paid day.
        """
        day, holidays, paid = self.start, self.holidays, self.paid
        limit = date(self.start.year + MAX_YEARS, 12, 31) if last is None else last
        for terms, until in self._reigns(limit):
            weekdays = terms.weekdays
            while day <= until:
                if (weekdays >> day.weekday() & 1 and day not in holidays) or day in paid:
                    yield day, terms
                day += ONE_DAY

    def _daily_slots(self) -> list[Slot]:
        by_month = self.cycle_kind == CycleKind.CALENDAR_MONTH
        left = None if by_month else self.latest.cycles * self.cycle_days - len(self.paid)
        last = month_end(self.start, self.latest.cycles) if by_month else None
        last_paid = max(self.paid, default=self.start)
        slots: list[Slot] = []
        next_cycle = self._cycle_counter()
        for day, terms in self._days(max(last, last_paid) if last else None):
            if day in self.paid:
                amount, cycle = self.paid[day]
                slots.append(Slot(day, amount, cycle, True))
            elif left is None or left > 0:
                slots.append(Slot(day, terms.contribution, next_cycle(day)))
                left = left if left is None else left - 1
            if left is not None and left <= 0 and day >= last_paid:
                break
        return slots

    def _cycle_counter(self) -> Callable[[date], int]:
        """What gives each open slot, by date, its cycle: its month, or the first cycle that is not full.

        Paid slots keep the cycle they were paid in and fill it, wherever later terms have put other days.
        """
        if self.cycle_kind == CycleKind.CALENDAR_MONTH:
            return lambda day: months_between(self.start, day) + 1
        filled = Counter(cycle for _, cycle in self.paid.values())
        places = (cycle for cycle in itertools.count(1) for _ in range(self.cycle_days - filled[cycle]))
        return lambda _day: next(places)

    def _target_slots(self) -> list[Slot]:
        days = dict(self._days(max(self.latest.end_date, max(self.paid, default=self.start))))
        open_days = [day for day in days if day not in self.paid and day <= self.latest.end_date]
        left = self.latest.target_amount - sum(amount for amount, _ in self.paid.values())
        amounts: dict[date, int] = {}
        for day in open_days:
            amount = left if day == open_days[-1] else min(left, days[day].contribution)
            if amount > 0:
                amounts[day] = amount
            left -= amount
        next_cycle = self._cycle_counter()
        return [
            Slot(day, *self.paid[day], paid=True) if day in self.paid else Slot(day, amounts[day], next_cycle(day))
            for day in days
            if day in self.paid or day in amounts
        ]

    def cycles(self, today: date) -> list[CycleState]:
        """The started cycles. One is finished when it is paid up or when the plan has ended."""
        slots = self.slots()
        states = []
        for number in sorted({slot.cycle for slot in slots if slot.paid}):
            own = [slot for slot in slots if slot.cycle == number]
            paid = [slot for slot in own if slot.paid]
            finished = self.ended_on is not None or len(paid) == len(own)
            total = sum(slot.amount for slot in paid)
            states.append(CycleState(number, paid[0].amount, total, finished, past=own[-1].date < today))
        return states


def month_end(start: date, months: int) -> date:
    """The last day of the month that is `months` - 1 after the one of `start`."""
    year, month = divmod(start.year * 12 + start.month - 1 + months - 1, 12)
    return date(year, month + 1, calendar.monthrange(year, month + 1)[1])


def months_between(start: date, day: date) -> int:
    """How many calendar months `day` lies after the month of `start`."""
    return (day.year - start.year) * 12 + day.month - start.month


def check_plan(plan: Plan) -> list[Slot]:
    """The slots of a new plan; raises InvalidPlan when there are none, too many, or when it runs too long."""
    slots = plan.slots()
    if not slots:
        raise InvalidPlan("there is no collection day in this plan")
    if len(slots) > MAX_SLOTS:
        raise InvalidPlan(f"a plan has at most {MAX_SLOTS} collection days")
    counted = plan.kind == PlanKind.DAILY and plan.cycle_kind == CycleKind.DAYS
    if counted and len(slots) < plan.latest.cycles * plan.cycle_days:
        raise InvalidPlan(f"a plan ends within {MAX_YEARS} years")
    return slots


def target_contribution(plan: Plan, terms: Terms) -> int:
    """The contribution that reaches `terms.target_amount` on the open days from `terms.effective_from` on, rounded up.

    What was paid, and what is still open of the days before, counts as it is. Raises InvalidPlan when no day is left or
    when the target is already reached.
    """
    before = [slot for slot in plan.slots() if slot.date < terms.effective_from] if plan.versions else []
    later_paid = sum(amount for day, (amount, _) in plan.paid.items() if day >= terms.effective_from)
    left = terms.target_amount - sum(slot.amount for slot in before) - later_paid
    widest = Plan(
        plan.kind,
        plan.cycle_kind,
        plan.cycle_days,
        max(plan.start, terms.effective_from),
        [terms],
        plan.holidays,
    )
    days = [day for day, _ in widest._days(terms.end_date) if day not in plan.paid]
    if not days or left <= 0:
        raise InvalidPlan("no collection day, or nothing to collect, is left for the target")
    return -(-left // len(days))
