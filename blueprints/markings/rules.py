"""Which slots a payment fills and how a receipt's code is written, as pure functions, and this domain's errors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from blueprints.savings.rules import Plan, Slot, SlotTaken
from ofektom.errors import NotFound, Problem
from ofektom.money import MAX_AMOUNT, AmountTooLarge

# 5 bits each, and none that is mistaken for another on paper: no 0 and O, no 1 and I.
SYMBOLS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CHECK_SYMBOLS = 12
MOST_CODE_CHARACTERS = 80
_CODE = re.compile(rf"[{SYMBOLS}{SYMBOLS.lower()} -]{{1,{MOST_CODE_CHARACTERS}}}")


class Method(StrEnum):
    CASH = "cash"


class NotASlot(Problem):
    code, status, title = "markings.not_a_slot", 422, "One of these days is not a collection day of this plan"


class BeyondPlan(Problem):
    code, status, title = "markings.beyond_plan", 409, "That is more than the plan still has open"


class InTheFuture(Problem):
    code, status, title = "markings.in_the_future", 422, "The day of collection lies in the future"


class TooFarBack(Problem):
    code, status, title = "markings.too_far_back", 403, "Only an admin may record a collection that far back"


class ReversalClosed(Problem):
    code, status = "markings.reversal_closed", 403
    title = "Only who recorded it may reverse a collection, for a few minutes; afterwards an admin"


class CreditUsed(Problem):
    code, status, title = "markings.credit_used", 409, "Its remainder has paid for later days; reverse those first"
    constraints = ("ck_savings_accounts_credit",)


@dataclass(frozen=True)
class Filling:
    """What a payment comes to: the slots it pays, the cash it takes and the change of the account's credit."""

    slots: Sequence[Slot]
    cash: int
    credit_change: int


def fill(plan: Plan, credit: int, *, days: int | None, dates: Sequence[date] | None, amount: int | None) -> Filling:
    """Fill open slots, oldest first, by a number of `days`, by `dates` or by an `amount` of cash in minor units.

    Credit is used first. What an amount leaves over is the new credit. Raises NotASlot, SlotTaken, BeyondPlan,
    AmountTooLarge.
    """
    open_slots = plan.open_slots()
    if amount is not None:
        return _fill_amount(open_slots, credit, amount)
    chosen = _on_dates(plan, open_slots, dates) if dates else open_slots[: days or 1]
    if not dates and len(chosen) < (days or 1):
        raise BeyondPlan(open_slots=len(open_slots))
    price = sum(slot.amount for slot in chosen)
    used = min(credit, price)
    if price - used > MAX_AMOUNT:
        raise AmountTooLarge
    return Filling(chosen, price - used, -used)


def _fill_amount(open_slots: Sequence[Slot], credit: int, amount: int) -> Filling:
    money, filled = amount + credit, []
    for slot in open_slots:
        if slot.amount > money:
            break
        money -= slot.amount
        filled.append(slot)
    if len(filled) == len(open_slots) and money:
        raise BeyondPlan(payable=sum(slot.amount for slot in open_slots) - credit)
    return Filling(filled, amount, money - credit)


def _on_dates(plan: Plan, open_slots: Sequence[Slot], dates: Sequence[date]) -> list[Slot]:
    by_date = {slot.date: slot for slot in open_slots}
    for day in dates:
        if day in plan.paid:
            raise SlotTaken
        if day not in by_date:
            raise NotASlot
    return [by_date[day] for day in sorted(set(dates))]


def check_day(collected_on: date, today: date, backdating_days: int, is_admin: bool) -> None:
    """Raise InTheFuture, or TooFarBack when somebody who is no admin goes back further than the setting allows."""
    if collected_on > today:
        raise InTheFuture
    if not is_admin and collected_on < today - timedelta(days=backdating_days):
        raise TooFarBack


def told_days(days: Sequence[date]) -> dict:
    """How many slots something was about, and the first and last of them, for who is told of it."""
    return {"days": len(days), "first_day": min(days, default=None), "last_day": max(days, default=None)}


def may_reverse(*, is_admin: bool, is_recorder: bool, at: datetime, now: datetime, minutes: int) -> bool:
    """An admin always, the recorder for some minutes, nobody else."""
    return is_admin or (is_recorder and now - at <= timedelta(minutes=minutes))


class RouteStatus(StrEnum):
    DUE = "due"
    MISSED = "missed"
    PAID = "paid"
    NOTHING = "nothing"


def route_status(slots: Sequence[Slot], today: date) -> RouteStatus:
    """What a collector has to do at a customer's today: due comes before missed, missed before paid."""
    todays = [slot for slot in slots if slot.date == today]
    if any(not slot.paid for slot in todays):
        return RouteStatus.DUE
    if any(not slot.paid and slot.date < today for slot in slots):
        return RouteStatus.MISSED
    return RouteStatus.PAID if todays else RouteStatus.NOTHING


class ReceiptStatus(StrEnum):
    VALID = "valid"
    REVERSED = "reversed"


def receipt_code(business_id: int, collection_id: int, keyed: str) -> str:
    """The bare code of a collection's receipt: how long the business's id is, both ids, and 60 bits of check.

    The check is the beginning of `keyed`, hexadecimal digits that only we can make of the two ids.
    """
    business, check = _spell(business_id), _spell(int(keyed[: CHECK_SYMBOLS * 5 // 4], 16)).rjust(CHECK_SYMBOLS, "2")
    return f"{SYMBOLS[len(business)]}{business}{_spell(collection_id)}{check}"


def in_groups(bare: str) -> str:
    """A bare code as it is printed: four symbols, a hyphen, and so on."""
    return "-".join(bare[start : start + 4] for start in range(0, len(bare), 4))


def bare_code(code: str) -> str:
    """A code as somebody typed it, in upper case without hyphens and spaces; raises NotFound when it cannot be one."""
    if not _CODE.fullmatch(code):
        raise NotFound
    return re.sub(r"[ -]", "", code).upper()


def named_by(bare: str) -> tuple[int, int]:
    """The (business id, collection id) that a bare code names, rightly or not; raises NotFound when it names none."""
    if not bare:
        raise NotFound
    end = 1 + SYMBOLS.index(bare[0])
    business, collection = bare[1:end], bare[end:-CHECK_SYMBOLS]
    if not business or not collection:
        raise NotFound
    return _number(business), _number(collection)


def _spell(number: int) -> str:
    rest, last = divmod(number, len(SYMBOLS))
    return (_spell(rest) if rest else "") + SYMBOLS[last]


def _number(symbols: str) -> int:
    value = 0
    for symbol in symbols:
        value = value * len(SYMBOLS) + SYMBOLS.index(symbol)
    return value
