"""The arithmetic of a daily plan, which both frameworks share: what is compared is what surrounds it.

It knows the plans that the benchmark has: daily ones, with cycles of a number of days. Amounts in minor units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Terms:
    """A version of a plan's terms. `weekdays` is a bit mask; bit 0 is Monday."""

    effective_from: date
    contribution: int
    weekdays: int
    cycles: int


@dataclass(frozen=True)
class Slot:
    date: date
    amount: int
    cycle: int
    paid: bool

    def status(self, today: date) -> str:
        if self.paid:
            return "paid"
        if self.date == today:
            return "due"
        return "missed" if self.date < today else "open"


@dataclass(frozen=True)
class Plan:
    """`versions` of the terms by age; `paid` maps the dates of paid slots to (amount, cycle)."""

    start: date
    cycle_days: int
    versions: Sequence[Terms]
    holidays: frozenset[date]
    paid: dict[date, tuple[int, int]]

    def slots(self) -> list[Slot]:
        """Every slot by date: the paid ones as they were paid, the open ones as the terms say."""
        left = self.versions[-1].cycles * self.cycle_days - len(self.paid)
        last_paid = max(self.paid, default=self.start)
        cycles, slots = self._free_places(), []
        for day, terms in self._days():
            if left <= 0 and day > last_paid:
                break
            if day in self.paid:
                slots.append(Slot(day, *self.paid[day], paid=True))
            elif left > 0:
                slots.append(Slot(day, terms.contribution, next(cycles), paid=False))
                left -= 1
        return slots

    def _days(self) -> Iterator[tuple[date, Terms]]:
        day, current = self.start, 0
        while True:
            while current + 1 < len(self.versions) and self.versions[current + 1].effective_from <= day:
                current += 1
            terms = self.versions[current]
            if day in self.paid or (terms.weekdays >> day.weekday() & 1 and day not in self.holidays):
                yield day, terms
            day += ONE_DAY

    def _free_places(self) -> Iterator[int]:
        """The cycle of each open slot, in order: the first that is not full."""
        taken = [cycle for _, cycle in self.paid.values()]
        cycle = 1
        while True:
            yield from [cycle] * (self.cycle_days - taken.count(cycle))
            cycle += 1


def totals(slots: Sequence[Slot], today: date, *, credit: int, balance: int, reserved: int) -> dict[str, int]:
    """The sums of a card."""
    unpaid = [slot for slot in slots if not slot.paid]
    missed = [slot for slot in unpaid if slot.date < today]
    return {
        "slots": len(slots),
        "slots_paid": len(slots) - len(unpaid),
        "slots_missed": len(missed),
        "amount_planned": sum(slot.amount for slot in slots),
        "amount_paid": sum(slot.amount for slot in slots if slot.paid),
        "amount_missed": sum(slot.amount for slot in missed),
        "amount_open": sum(slot.amount for slot in unpaid) - sum(slot.amount for slot in missed),
        "credit": credit,
        "balance": balance,
        "available": max(0, balance - reserved),
    }


def one_day_reserve(slots: Sequence[Slot], charged: set[int]) -> int:
    """The commission of one day that started cycles still owe; `charged` are those that have paid it."""
    first: dict[int, int] = {}
    for slot in slots:
        if slot.paid and slot.cycle not in charged:
            first.setdefault(slot.cycle, slot.amount)
    return sum(first.values())


def weekday_list(mask: int) -> list[int]:
    """ISO weekdays of a bit mask, 1 Monday to 7 Sunday."""
    return [number + 1 for number in range(7) if mask >> number & 1]
