"""Verbs: spend, approve, reject and reverse an expense of the business; keep a customer's expense card."""

import secrets
from datetime import datetime

from sqlalchemy import ScalarSelect, delete, update

from blueprints.expenses import queries
from blueprints.expenses.models import Expense, ExpenseCard, ExpenseCardIncome, ExpenseItem
from blueprints.expenses.rules import (
    ExpenseStatus,
    ItemSpent,
    NotPaidOut,
    OverBudget,
    OwnExpense,
    PaidFrom,
    WrongStatus,
    check_keeper,
    needs_approval,
    pot,
)
from blueprints.savings.rules import NotACustomer, State
from blueprints.settings.rules import AccountKind
from ofektom import audit, clock, ledger
from ofektom.database import verb
from ofektom.extensions import db
from ofektom.identity import Actor
from ofektom.ledger import NOBODY, Account, Act, AlreadyReversed, Entry, Movement


@verb
def spend(
    *, actor: Actor, amount: int, category: str, note: str, receipt_number: str | None, paid_from: str | None
) -> dict:
    """Spend the business's money: at once within its limit, above it once somebody else approves.

    Raises WrongPot, InsufficientFunds.
    """
    moment = queries.moment_of(actor)
    found = Expense(
        business_id=actor.business_id,
        spender_id=actor.membership_id,
        paid_from=pot(actor.role, paid_from),
        category=category,
        amount=amount,
        note=note,
        receipt_number=receipt_number,
        status=ExpenseStatus.REQUESTED,
        needs_approval=needs_approval(amount, moment.above),
        business_day=moment.today,
        at=moment.now,
    )
    if not found.needs_approval:
        found.status = ExpenseStatus.POSTED
        found.entry_id = _post(actor, moment, _entry(found, f"expense:{secrets.token_hex(8)}"))
    db.session.add(found)
    db.session.flush()
    facts = {"amount": amount, "category": category, "paid_from": found.paid_from, "note": note}
    audit.record(f"expenses.{found.status}", "expense", found.id, actor=actor, after=facts)
    return queries.expense(actor, found.id)


def _entry(found: Expense, reference: str) -> Entry:
    """Credit-normal: a pot holds less than nothing, so what leaves it is added to it and taken from the expenses."""
    owner_id = found.spender_id if found.paid_from == PaidFrom.AGENT_CASH else NOBODY
    movement = Movement(Account(AccountKind.EXPENSES), Account(found.paid_from, owner_id), found.amount)
    return Entry("expense.posted", reference, [movement])


def _post(actor: Actor, moment, entry: Entry) -> ScalarSelect[int]:
    """Post the entry; its id, for the statement that keeps it."""
    ledger.post(Act(actor.business_id, moment.today, moment.now, actor.membership_id), entry)
    return ledger.id_of(actor.business_id, entry.reference)


@verb
def approve(*, actor: Actor, expense_id: int) -> dict:
    """Let somebody else's expense happen: the money moves now. When their pot is short it stays requested.

    Raises NotFound, WrongStatus, OwnExpense, InsufficientFunds.
    """
    found = queries.locked_expense(actor, expense_id)
    if found.status != ExpenseStatus.REQUESTED:
        raise WrongStatus(status_now=found.status)
    if found.spender_id == actor.membership_id:
        raise OwnExpense
    moment = queries.moment_of(actor)
    entry_id = _post(actor, moment, _entry(found, f"expense.approved:{found.id}"))
    decision = {"status": ExpenseStatus.POSTED, "decided_by_id": actor.membership_id, "decided_at": moment.now}
    _change(found, ExpenseStatus.REQUESTED, decision | {"entry_id": entry_id, "business_day": moment.today})
    facts = {"status": ExpenseStatus.POSTED, "amount": found.amount}
    audit.record("expenses.approved", "expense", expense_id, actor=actor, after=facts)
    return queries.expense(actor, expense_id)


def _change(found: Expense, before: ExpenseStatus, values: dict) -> None:
    """Move an expense on from status `before`, if it is still there: of two deciders one wins."""
    mine = (Expense.business_id == found.business_id) & (Expense.id == found.id)
    changed = update(Expense).where(mine, Expense.status == before).values(values)
    if not db.session.execute(changed.execution_options(synchronize_session=False)).rowcount:
        raise WrongStatus


@verb
def reject(*, actor: Actor, expense_id: int, reason: str) -> dict:
    """Refuse an expense that waits for approval, one's own too. Raises NotFound, WrongStatus."""
    found = queries.locked_expense(actor, expense_id)
    if found.status != ExpenseStatus.REQUESTED:
        raise WrongStatus(status_now=found.status)
    decision = {"status": ExpenseStatus.REJECTED, "decided_by_id": actor.membership_id, "reason": reason}
    _change(found, ExpenseStatus.REQUESTED, decision | {"decided_at": clock.read_now()})
    after = {"status": ExpenseStatus.REJECTED, "reason": reason}
    audit.record("expenses.rejected", "expense", expense_id, actor=actor, after=after)
    return queries.expense(actor, expense_id)


@verb
def reverse(*, actor: Actor, expense_id: int, reason: str) -> dict:
    """Take an expense back: its money is in its pot again, as if it had not been spent. Once.

    Raises NotFound, WrongStatus, AlreadyReversed.
    """
    found = queries.locked_expense(actor, expense_id)
    if found.status == ExpenseStatus.REVERSED:
        raise AlreadyReversed
    if found.status != ExpenseStatus.POSTED:
        raise WrongStatus(status_now=found.status)
    moment = queries.moment_of(actor)
    reference = f"expense.reversed:{found.id}"
    _post(actor, moment, ledger.reversal(actor.business_id, found.entry_id, "expense.reversed", reference))
    change = {"status": ExpenseStatus.REVERSED, "reason": reason}
    by = {"reversed_by_id": actor.membership_id, "reversed_at": moment.now}
    _change(found, ExpenseStatus.POSTED, change | by)
    audit.record("expenses.reversed", "expense", expense_id, actor=actor, after=change | {"amount": found.amount})
    return queries.expense(actor, expense_id)


@verb
def open_card(*, actor: Actor, customer_id: int | None, name: str, amount: int, source: str) -> dict:
    """Open an expense card with income from anywhere. Raises NotACustomer, NotYourCard."""
    customer_id = customer_id or actor.membership_id
    status = queries.customer_status(actor, customer_id)
    if status is None:
        raise NotACustomer
    check_keeper(actor, customer_id, status)
    return _open(actor, amount, source, customer_id=customer_id, name=name)


@verb
def open_card_of_account(*, actor: Actor, account_id: int, name: str) -> dict:
    """Open an expense card with what a savings account has really paid out; once for each account.

    Raises NotFound, NotYourCard, NotPaidOut, AccountUsed.
    """
    account = queries.paid_account(actor, account_id)
    check_keeper(actor, account["customer_id"], account["status"])
    if account["state"] != State.PAID_OUT:
        raise NotPaidOut
    source = f"savings account {account['tracking_number']}"
    facts = {"customer_id": account["customer_id"], "account_id": account_id, "name": name}
    return _open(actor, int(account["paid"]), source, **facts)


def _open(actor: Actor, amount: int, source: str, **facts) -> dict:
    now = clock.read_now()
    card = ExpenseCard(business_id=actor.business_id, income=amount, created_at=now, **facts)
    db.session.add(card)
    db.session.flush()
    _add_income(actor, card.id, amount, source, now)
    after = facts | {"amount": amount, "source": source}
    audit.record("expense_cards.opened", "expense_card", card.id, actor=actor, after=after)
    return queries.card(actor, card.id)


def _add_income(actor: Actor, card_id: int, amount: int, source: str, now: datetime) -> None:
    income = ExpenseCardIncome(
        business_id=actor.business_id, card_id=card_id, created_by_id=actor.membership_id, at=now
    )
    income.amount, income.source = amount, source
    db.session.add(income)


@verb
def top_up(*, actor: Actor, card_id: int, amount: int, source: str) -> dict:
    """Add income to an expense card. Raises NotFound, NotYourCard."""
    check_keeper(actor, *queries.card_to_write(actor, card_id))
    mine = (ExpenseCard.business_id == actor.business_id) & (ExpenseCard.id == card_id)
    more = update(ExpenseCard).where(mine).values(income=ExpenseCard.income + amount)
    db.session.execute(more.execution_options(synchronize_session=False))
    _add_income(actor, card_id, amount, source, clock.read_now())
    after = {"amount": amount, "source": source}
    audit.record("expense_cards.topped_up", "expense_card", card_id, actor=actor, after=after)
    return queries.card(actor, card_id)


@verb
def add_item(*, actor: Actor, card_id: int, name: str, category: str, amount: int, planned: bool) -> dict:
    """Note something planned, or spent, which leaves the card less. Raises NotFound, NotYourCard, OverBudget."""
    check_keeper(actor, *queries.card_to_write(actor, card_id))
    now = clock.read_now()
    item = ExpenseItem(business_id=actor.business_id, card_id=card_id, name=name, category=category, created_at=now)
    if planned:
        item.planned_amount = amount
    else:
        _take(actor, card_id, amount)
        item.spent_amount, item.spent_at = amount, now
    db.session.add(item)
    db.session.flush()
    after = {"card_id": card_id, "name": name, "category": category, "amount": amount}
    action = "expense_items.planned" if planned else "expense_items.spent"
    audit.record(action, "expense_item", item.id, actor=actor, after=after)
    return queries.item(actor, item.id)


def _take(actor: Actor, card_id: int, amount: int) -> None:
    """Count `amount` as spent if the card has it left: of two that count on the same money one wins."""
    mine = (ExpenseCard.business_id == actor.business_id) & (ExpenseCard.id == card_id)
    taken = update(ExpenseCard).where(mine, ExpenseCard.spent + amount <= ExpenseCard.income)
    taken = taken.values(spent=ExpenseCard.spent + amount)
    if not db.session.execute(taken.execution_options(synchronize_session=False)).rowcount:
        raise OverBudget(left=queries.left(actor.business_id, card_id))


@verb
def spend_item(*, actor: Actor, item_id: int, amount: int | None) -> dict:
    """Make a planned item real, once, by default as planned. Raises NotFound, NotYourCard, ItemSpent, OverBudget."""
    found = queries.item(actor, item_id)
    check_keeper(actor, found["customer_id"], found["customer_status"])
    values = {"spent_amount": amount or ExpenseItem.planned_amount, "spent_at": clock.now()}
    spent = update(ExpenseItem).where(_planned(actor, item_id)).values(values).returning(ExpenseItem.spent_amount)
    price = db.session.scalar(spent.execution_options(synchronize_session=False))
    if price is None:
        raise ItemSpent
    _take(actor, found["card_id"], price)
    audit.record("expense_items.spent", "expense_item", item_id, actor=actor, after={"amount": price})
    return queries.item(actor, item_id)


def _planned(actor: Actor, item_id: int):
    mine = (ExpenseItem.business_id == actor.business_id) & (ExpenseItem.id == item_id)
    return mine & ExpenseItem.spent_amount.is_(None)


@verb
def remove_item(*, actor: Actor, item_id: int) -> None:
    """Drop a plan. Raises NotFound, NotYourCard, ItemSpent."""
    found = queries.item(actor, item_id)
    check_keeper(actor, found["customer_id"], found["customer_status"])
    gone = delete(ExpenseItem).where(_planned(actor, item_id)).returning(ExpenseItem.id)
    if db.session.scalar(gone.execution_options(synchronize_session=False)) is None:
        raise ItemSpent
    before = {name: found[name] for name in ("card_id", "name", "category", "planned_amount")}
    audit.record("expense_items.removed", "expense_item", item_id, actor=actor, before=before)
