"""Reads of expenses and expense cards, within the caller's sight."""

from datetime import date

from sqlalchemy import Row, Select, and_, case, func, select

from blueprints.expenses.models import Expense, ExpenseCard, ExpenseCardIncome, ExpenseItem
from blueprints.expenses.rules import ExpenseStatus, ItemStatus
from blueprints.payments.models import PaymentRequest
from blueprints.payments.rules import RequestStatus
from blueprints.savings.models import SavingsAccount
from blueprints.savings.queries import ITS_CUSTOMER
from blueprints.settings.models import BusinessSettings
from blueprints.users.queries import by_staff_in_sight, in_sight
from ofektom import clock, paging
from ofektom.database import only, only_row
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, Role

EXPENSE = tuple(Expense.__table__.c)
CARD = (*ExpenseCard.__table__.c, (ExpenseCard.income - ExpenseCard.spent).label("left"))
INCOME = tuple(ExpenseCardIncome.__table__.c)
_REAL = ExpenseItem.spent_amount.is_not(None)
ITEM = (*ExpenseItem.__table__.c, case((_REAL, ItemStatus.REAL), else_=ItemStatus.PLANNED).label("status"))

_CUSTOMER = and_(Membership.business_id == ExpenseCard.business_id, Membership.id == ExpenseCard.customer_id)


def _expenses(actor: Actor, *columns) -> Select:
    """Columns of the expenses of spenders in the actor's sight."""
    return select(*columns).where(by_staff_in_sight(actor, Expense.spender_id))


def expense(actor: Actor, expense_id: int) -> dict:
    """One expense in the actor's sight; raises NotFound."""
    return only_row(_expenses(actor, *EXPENSE).where(Expense.id == expense_id))


def locked_expense(actor: Actor, expense_id: int) -> Expense:
    """The same, locked and read afresh; raises NotFound."""
    query = _expenses(actor, Expense).where(Expense.id == expense_id)
    return only(query.with_for_update(of=Expense, key_share=True).execution_options(populate_existing=True))


def _between(query: Select, since: date | None, until: date | None) -> Select:
    if since is not None:
        query = query.where(Expense.business_day >= since)
    if until is not None:
        query = query.where(Expense.business_day <= until)
    return query


def expenses(
    actor: Actor, *, limit: int, cursor: str | None, since: date | None, until: date | None, **filters
) -> dict:
    """A page of expenses, newest first: of inclusive business days, filtered by status, category or spender_id."""
    query = _between(_expenses(actor, *EXPENSE), since, until)
    for name, value in filters.items():
        if value is not None:
            query = query.where(getattr(Expense, name) == value)
    return paging.page(query, Expense.id, limit=limit, cursor=cursor, newest_first=True)


def totals(actor: Actor, *, since: date, until: date, spender_id: int | None) -> dict:
    """What was spent and not taken back between inclusive business days, by category, largest first."""
    amount = func.sum(Expense.amount).label("amount")
    query = _expenses(actor, Expense.category, func.count().label("expenses"), amount)
    query = _between(query.where(Expense.status == ExpenseStatus.POSTED), since, until)
    if spender_id is not None:
        query = query.where(Expense.spender_id == spender_id)
    query = query.group_by(Expense.category).order_by(amount.desc(), Expense.category)
    rows = [dict(row) | {"amount": int(row["amount"])} for row in db.session.execute(query).mappings()]
    sums = {name: sum(row[name] for row in rows) for name in ("expenses", "amount")}
    return {"items": rows, "since": since, "until": until} | sums


def moment_of(actor: Actor) -> Row:
    """(today, now, above): the business's clock, and the amount above which an expense waits for approval."""
    query = select(
        clock.today(actor.timezone).label("today"),
        clock.now().label("now"),
        BusinessSettings.expense_approval_above.label("above"),
    )
    return db.session.execute(query.where(BusinessSettings.business_id == actor.business_id)).one()


def customer_status(actor: Actor, customer_id: int) -> str | None:
    """The membership status of a customer in the actor's sight, None when there is none."""
    query = select(Membership.status)
    return db.session.scalar(
        query.where(in_sight(actor), Membership.id == customer_id, Membership.role == Role.CUSTOMER)
    )


def paid_account(actor: Actor, account_id: int) -> dict:
    """A savings account's customer_id, tracking_number and state, its customer's status, and what was really paid out.

    Raises NotFound.
    """
    paid = select(func.sum(PaymentRequest.amount)).where(
        PaymentRequest.business_id == SavingsAccount.business_id,
        PaymentRequest.account_id == SavingsAccount.id,
        PaymentRequest.status == RequestStatus.PAID,
    )
    columns = (SavingsAccount.customer_id, SavingsAccount.tracking_number, SavingsAccount.state, Membership.status)
    query = select(*columns, paid.scalar_subquery().label("paid")).join(Membership, ITS_CUSTOMER)
    return only_row(query.where(in_sight(actor), SavingsAccount.id == account_id))


def _cards(actor: Actor, *columns) -> Select:
    """Columns of the expense cards of customers in the actor's sight."""
    return select(*columns).select_from(ExpenseCard).join(Membership, _CUSTOMER).where(in_sight(actor))


def cards(actor: Actor, *, limit: int, cursor: str | None, customer_id: int | None) -> dict:
    """A page of expense cards, newest first."""
    query = _cards(actor, *CARD)
    if customer_id is not None:
        query = query.where(ExpenseCard.customer_id == customer_id)
    return paging.page(query, ExpenseCard.id, limit=limit, cursor=cursor, newest_first=True)


def _items_of_card():
    return and_(ExpenseItem.business_id == ExpenseCard.business_id, ExpenseItem.card_id == ExpenseCard.id)


def card(actor: Actor, card_id: int) -> dict:
    """An expense card with its progress: planned, spent and left, and each category's part. Raises NotFound."""
    planned = func.coalesce(func.sum(ExpenseItem.planned_amount).filter(~_REAL), 0).label("planned_there")
    spent = func.coalesce(func.sum(ExpenseItem.spent_amount), 0).label("spent_there")
    query = _cards(actor, *CARD, ExpenseItem.category, planned, spent).outerjoin(ExpenseItem, _items_of_card())
    query = query.where(ExpenseCard.id == card_id).group_by(*ExpenseCard.__table__.c, ExpenseItem.category)
    rows = [dict(row) for row in db.session.execute(query.order_by(ExpenseItem.category)).mappings()]
    if not rows:
        raise NotFound
    categories = [
        {"category": row["category"], "planned": int(row["planned_there"]), "spent": int(row["spent_there"])}
        for row in rows
        if row["category"]
    ]
    return rows[0] | {"planned": sum(part["planned"] for part in categories), "categories": categories}


def card_to_write(actor: Actor, card_id: int) -> tuple[int, str]:
    """(customer_id, status of the customer) of an expense card; raises NotFound."""
    found = only_row(_cards(actor, ExpenseCard.customer_id, Membership.status).where(ExpenseCard.id == card_id))
    return found["customer_id"], found["status"]


def incomes(actor: Actor, card_id: int, *, limit: int, cursor: str | None) -> dict:
    """A page of what came onto an expense card, newest first; raises NotFound."""
    card_to_write(actor, card_id)
    mine = (ExpenseCardIncome.business_id == actor.business_id) & (ExpenseCardIncome.card_id == card_id)
    query = select(*INCOME).where(mine)
    return paging.page(query, ExpenseCardIncome.id, limit=limit, cursor=cursor, newest_first=True)


def items(
    actor: Actor, card_id: int, *, limit: int, cursor: str | None, status: str | None, category: str | None
) -> dict:
    """A page of the items of an expense card, newest first; raises NotFound."""
    card_to_write(actor, card_id)
    query = select(*ITEM).where(ExpenseItem.business_id == actor.business_id, ExpenseItem.card_id == card_id)
    if status is not None:
        query = query.where(_REAL if status == ItemStatus.REAL else ~_REAL)
    if category is not None:
        query = query.where(ExpenseItem.category == category)
    return paging.page(query, ExpenseItem.id, limit=limit, cursor=cursor, newest_first=True)


def item(actor: Actor, item_id: int) -> dict:
    """One item, with the `customer_id` of its card and the customer's `customer_status`; raises NotFound."""
    columns = (*ITEM, ExpenseCard.customer_id, Membership.status.label("customer_status"))
    query = _cards(actor, *columns).join(ExpenseItem, _items_of_card()).where(ExpenseItem.id == item_id)
    return only_row(query)


def left(business_id: int, card_id: int) -> int:
    """What an expense card has left, in minor units."""
    mine = (ExpenseCard.business_id == business_id) & (ExpenseCard.id == card_id)
    return db.session.scalar(select(ExpenseCard.income - ExpenseCard.spent).where(mine))
