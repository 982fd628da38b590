"""Commission policies, cycles and weekdays: the words a plan is made of."""

import functools
from enum import StrEnum

from ofektom.errors import Problem

ALL_WEEK = 0b1111111  # bit 0 is Monday
MAX_CYCLE_DAYS = 366
EXPENSE_APPROVAL_ABOVE = 1_000_000  # minor units, unless a business says otherwise: 10 000 naira
PUBLIC_PAGE = "/api/v1/public/businesses/{}"


class AccountKind(StrEnum):
    """The chart of accounts.

    Credit-normal: what is owed to somebody is positive, what is held for the business negative.
    """

    SAVINGS = "savings"  # one for each savings account: owed to its customer
    PAYOUT_HOLD = "payout_hold"  # asked for by customers and not yet paid
    AGENT_CASH = "agent_cash"  # one for each member of staff: what they hold, so never above 0
    COMMISSION_PAYABLE = "commission_payable"  # one for each member of staff: owed to them
    BUSINESS_CASH = "business_cash"
    BANK = "bank"
    GATEWAY_CLEARING = "gateway_clearing"
    BUSINESS_INCOME = "business_income"
    OVER_SHORT = "over_short"
    EXPENSES = "expenses"
    OPENING_BALANCES = "opening_balances"  # what an import has yet to find in a pot: 0 once it is done


OF_THE_BUSINESS = (
    AccountKind.BUSINESS_CASH,
    AccountKind.BANK,
    AccountKind.GATEWAY_CLEARING,
    AccountKind.BUSINESS_INCOME,
    AccountKind.OVER_SHORT,
    AccountKind.EXPENSES,
)


class CommissionKind(StrEnum):
    ONE_DAY = "one_day"
    PERCENT = "percent"
    FLAT = "flat"


class Earned(StrEnum):
    FIRST_MARK = "first_mark"
    CYCLE_END = "cycle_end"


class CycleKind(StrEnum):
    DAYS = "days"
    CALENDAR_MONTH = "calendar_month"


class ContradictoryPolicy(Problem):
    code, status, title = "settings.contradictory_policy", 422, "These commission rules do not go together"


class HalfQuiet(Problem):
    code, status, title = "settings.half_quiet", 422, "Quiet hours have a beginning and an end, or neither"
    constraints = ("ck_business_settings_quiet_from_until",)


class SenderTaken(Problem):
    code, status, title = "settings.sender_taken", 409, "Another business sends its SMS under that name"
    constraints = ("uq_business_settings_sms_sender",)


class HolidayExists(Problem):
    code, status, title = "settings.holiday_exists", 409, "That day is a holiday already"
    constraints = ("pk_holidays",)


class HolidayPassed(Problem):
    code, status, title = (
        "settings.holiday_passed",
        409,
        "A day that has begun can no longer become or stop being a holiday",
    )


def check_policy(*, kind: str, value: int, earned: str) -> None:
    """Raise ContradictoryPolicy when the parts of a commission policy contradict each other.

    A percentage is of what was paid in the cycle, which nobody knows at its first mark.
    """
    if kind == CommissionKind.PERCENT and (earned == Earned.FIRST_MARK or not 1 <= value <= 10_000):
        raise ContradictoryPolicy("percent needs a value of 1 to 10000 basis points and earned: cycle_end")
    if kind == CommissionKind.FLAT and value < 1:
        raise ContradictoryPolicy("flat needs a value of at least 1")


def weekday_mask(days: list[int]) -> int:
    """A set of ISO weekdays (1 Monday .. 7 Sunday) as bits."""
    return sum(1 << (day - 1) for day in set(days))


def readable(facts: dict) -> dict:
    """Facts as the audit trail shows them: weekdays as a list."""
    return {name: weekday_list(value) if name == "weekdays" else value for name, value in facts.items()}


@functools.cache
def weekday_list(mask: int) -> list[int]:
    """The ISO weekdays of a mask, sorted."""
    return [day for day in range(1, 8) if mask & 1 << (day - 1)]
