"""What a file has, what is wrong with a row, and how a card is carried over. Amounts in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from blueprints.commissions.rules import Policy, due, reserve
from blueprints.savings.rules import InvalidPlan, Plan, Slot, State
from blueprints.settings.rules import AccountKind
from ofektom.errors import Problem

# In the order of the template; docs/importing.md says what each is.
COLUMNS = (
    "reference",
    "customer_name",
    "phone",
    "agent",
    "kind",
    "contribution",
    "cycles",
    "target_amount",
    "end_date",
    "start",
    "weekdays",
    "cycle_kind",
    "cycle_days",
    "label",
    "days_paid",
    "opening_balance",
    "held_in",
)
REQUIRED = ("reference", "customer_name", "agent", "kind")
FAULT = ("line", "column", "code", "message")
MOST_SHOWN = 100
# What a request has time for; a command has no bound.
MOST_ROWS, MOST_DAYS_PAID = 1_000, 20_000


class HeldIn(StrEnum):
    """The pot in which the money of an opening balance lies: the business's, or the bag of the customer's collector."""

    BUSINESS_CASH = AccountKind.BUSINESS_CASH
    BANK = AccountKind.BANK
    AGENT_CASH = AccountKind.AGENT_CASH


class InvalidRows(Problem):
    code, status, title = "imports.invalid_rows", 422, "Some rows cannot be imported, so none was"


class AlreadyImported(Problem):
    code, status, title = "imports.already_imported", 409, "This file was imported already"
    constraints = ("uq_imports_digest",)


class ReferenceTaken(Problem):
    code, status, title = "imports.reference_taken", 409, "An account with this reference is there already"
    constraints = ("uq_savings_accounts_reference",)


class StillImporting(Problem):
    code, status, title = "imports.running", 409, "Another import of this business is running"
    retry_after = 10


class TooManyRows(Problem):
    code, status = "imports.too_many_rows", 422
    title = "That is more than a request has time for; split the file, or have it imported by command"


class Fault(NamedTuple):
    """Something wrong on a line (the first is 1), in a column unless it is about the whole row."""

    line: int
    column: str | None
    code: str
    message: str


@dataclass(frozen=True)
class Carried:
    """A card as it goes on here: its ticks, its state, and the first cycle whose commission is taken here.

    `reserved` is the commission that its started cycles still owe.
    """

    ticks: Sequence[Slot]
    state: State
    commission_from: int
    reserved: int


def carry_over(plan: Plan, policy: Policy, today: date, days_paid: int) -> Carried:
    """A card whose `days_paid` oldest days are paid already. Raises InvalidPlan when it has fewer.

    Commission that the rules would have had taken by now was taken before, wherever the card was kept.
    """
    ticks = plan.slots()[:days_paid]
    if len(ticks) < days_paid:
        raise InvalidPlan(f"the plan has {len(ticks)} collection days and not {days_paid}")
    marked = replace(plan, paid={slot.date: (slot.amount, slot.cycle) for slot in ticks})
    cycles = marked.cycles(today)
    settled = due(policy, cycles)
    state = State.NOT_STARTED if not ticks else State.COMPLETED if marked.is_paid_up() else State.IN_PROGRESS
    return Carried(ticks, state, max(settled, default=0) + 1, reserve(policy, cycles, settled))
