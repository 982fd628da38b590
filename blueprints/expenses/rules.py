"""What is spent on what, from which pot and by whose leave, and this domain's errors."""

from enum import StrEnum

from ofektom.errors import Problem
from ofektom.identity import Actor, MembershipStatus, Role


class PaidFrom(StrEnum):
    """The ledger account of a pot: the spender's own bag, the office's cash, or the bank."""

    AGENT_CASH = "agent_cash"
    BUSINESS_CASH = "business_cash"
    BANK = "bank"


class Category(StrEnum):
    """What a business spends money on."""

    TRANSPORT = "transport"
    FUEL = "fuel"
    RENT = "rent"
    AIRTIME = "airtime"
    STATIONERY = "stationery"
    REPAIRS = "repairs"
    WAGES = "wages"
    LEVIES = "levies"
    BANK_CHARGES = "bank_charges"
    OTHER = "other"


class ExpenseStatus(StrEnum):
    REQUESTED = "requested"  # waits for somebody else's approval; no money has moved
    POSTED = "posted"
    REJECTED = "rejected"
    REVERSED = "reversed"


MOVED = (ExpenseStatus.POSTED, ExpenseStatus.REVERSED)


class ItemCategory(StrEnum):
    """What a customer spends money on."""

    FOOD = "food"
    RENT = "rent"
    SCHOOL = "school"
    HEALTH = "health"
    TRANSPORT = "transport"
    TRADE = "trade"
    CLOTHING = "clothing"
    UTILITIES = "utilities"
    FAMILY = "family"
    CEREMONIES = "ceremonies"
    DEBTS = "debts"
    OTHER = "other"


class ItemStatus(StrEnum):
    PLANNED = "planned"
    REAL = "real"


class WrongPot(Problem):
    code, status, title = "expenses.wrong_pot", 403, "Only an admin spends from the office's cash or the bank"


class OwnExpense(Problem):
    code, status, title = "expenses.own_request", 403, "Somebody else must approve what you want to spend"
    constraints = ("ck_expenses_not_requester",)


class WrongStatus(Problem):
    code, status, title = "expenses.wrong_status", 409, "The expense's present status does not allow this"


class NotYourCard(Problem):
    code, status = "expenses.not_your_card", 403
    title = "Only the customer writes on their expense card; staff only while the customer has no login"


class NotPaidOut(Problem):
    code, status, title = "expenses.not_paid_out", 409, "This savings account has not been paid out yet"


class AccountUsed(Problem):
    code, status, title = "expenses.account_used", 409, "An expense card has been made of this savings account already"
    constraints = ("uq_expense_cards_account",)


class OverBudget(Problem):
    code, status, title = "expenses.over_budget", 409, "That is more than the expense card has left"
    constraints = ("ck_expense_cards_budget",)


class ItemSpent(Problem):
    code, status, title = "expenses.item_spent", 409, "That money has been spent already"


def pot(role: str, wanted: str | None) -> PaidFrom:
    """The pot somebody of `role` pays from, by default the office's cash for admins and one's own for others.

    Raises WrongPot.
    """
    if role == Role.ADMIN:
        return PaidFrom(wanted or PaidFrom.BUSINESS_CASH)
    if wanted not in (None, PaidFrom.AGENT_CASH):
        raise WrongPot
    return PaidFrom.AGENT_CASH


def needs_approval(amount: int, above: int | None) -> bool:
    """Whether somebody else must approve an expense of `amount` minor units. A limit of None lets everything pass."""
    return above is not None and amount > above


def check_keeper(actor: Actor, customer_id: int, customer_status: str) -> None:
    """Raise NotYourCard unless the actor may write for a customer in their sight.

    The customer always. Staff only for somebody who has not answered their invitation, and so cannot write themselves.
    """
    is_owner = actor.membership_id == customer_id
    if not is_owner and customer_status != MembershipStatus.INVITED:
        raise NotYourCard
