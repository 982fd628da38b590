"""/expenses of the business; /expense-cards and /expense-items of its customers."""

from blueprints.expenses import queries, schemas, services
from blueprints.expenses.rules import (
    AccountUsed,
    ItemSpent,
    NotPaidOut,
    NotYourCard,
    OverBudget,
    OwnExpense,
    WrongPot,
    WrongStatus,
)
from blueprints.savings.rules import NotACustomer
from ofektom.examples import Example
from ofektom.ledger import AlreadyReversed, InsufficientFunds
from ofektom.schemas import PageIn, ReasonIn
from ofektom.views import Slice

bp = Slice("expenses", __name__)

EXPENSE = schemas.ExpenseOut()
PROGRESS = schemas.ProgressOut()
ITEM = schemas.ExpenseItemOut()


@bp.get("/expenses", access="expenses.read", query=schemas.ExpensesQuery(), answer=schemas.ExpensePage)
def expenses(actor, query):
    """Expenses you may see, newest first: an admin's business, a collector's own and those of their sub-agents."""
    return queries.expenses(actor, **query)


@bp.post(
    "/expenses",
    access="expenses.spend",
    body=schemas.ExpenseIn(),
    answer=EXPENSE,
    idempotent=True,
    dry_run=True,
    errors=[WrongPot, InsufficientFunds],
)
def spend(actor, body):
    """Spend the business's money. Above the limit of its settings somebody else has to approve first."""
    return services.spend(actor=actor, **body)


@bp.get("/expenses/totals", access="expenses.read", query=schemas.TotalsQuery(), answer=schemas.ExpenseTotalsOut())
def totals(actor, query):
    """What was spent between two business days, by category."""
    return queries.totals(actor, **query)


@bp.get("/expenses/<id:expense_id>", access="expenses.read", answer=EXPENSE)
def expense(actor, expense_id):
    """One expense."""
    return queries.expense(actor, expense_id)


@bp.post(
    "/expenses/<id:expense_id>/approve",
    access="expenses.decide",
    status=200,
    answer=EXPENSE,
    idempotent=True,
    errors=[WrongStatus, OwnExpense, InsufficientFunds],
    example=Example(path={"expense_id": 2}),
)
def approve(actor, expense_id):
    """Say yes to somebody else's expense: the money moves now. If it is gone, the expense waits on."""
    return services.approve(actor=actor, expense_id=expense_id)


@bp.post(
    "/expenses/<id:expense_id>/reject",
    access="expenses.decide",
    status=200,
    body=ReasonIn(),
    answer=EXPENSE,
    idempotent=True,
    errors=[WrongStatus],
    example=Example(path={"expense_id": 2}),
)
def reject(actor, expense_id, body):
    """Say no to an expense that waits, your own too."""
    return services.reject(actor=actor, expense_id=expense_id, **body)


@bp.post(
    "/expenses/<id:expense_id>/reversal",
    access="expenses.decide",
    status=200,
    body=ReasonIn(),
    answer=EXPENSE,
    idempotent=True,
    dry_run=True,
    errors=[WrongStatus, AlreadyReversed],
)
def reverse(actor, expense_id, body):
    """Take an expense back: whoever spent it holds the money again."""
    return services.reverse(actor=actor, expense_id=expense_id, **body)


@bp.get("/expense-cards", access="expense_cards.read", query=schemas.CardsQuery(), answer=schemas.ExpenseCardPage)
def cards(actor, query):
    """Expense cards of the customers you may see, newest first."""
    return queries.cards(actor, **query)


@bp.post(
    "/expense-cards",
    access="expense_cards.keep",
    body=schemas.ExpenseCardIn(),
    answer=PROGRESS,
    idempotent=True,
    errors=[NotACustomer, NotYourCard],
    example=Example(body={"customer_id": 5}),
)
def open_card(actor, body):
    """Begin an expense card with some money. It is the customer's own notebook: no money moves."""
    return services.open_card(actor=actor, **body)


@bp.post(
    "/savings/<id:account_id>/expense-card",
    access="expense_cards.keep",
    body=schemas.ExpenseCardOfAccountIn(),
    answer=PROGRESS,
    idempotent=True,
    errors=[NotYourCard, NotPaidOut, AccountUsed],
    example=Example(path={"account_id": 5}),
)
def open_card_of_account(actor, account_id, body):
    """Begin an expense card with what a savings account has paid out."""
    return services.open_card_of_account(actor=actor, account_id=account_id, **body)


@bp.get("/expense-cards/<id:card_id>", access="expense_cards.read", answer=PROGRESS)
def card(actor, card_id):
    """An expense card with its progress, by category."""
    return queries.card(actor, card_id)


@bp.get("/expense-cards/<id:card_id>/incomes", access="expense_cards.read", query=PageIn(), answer=schemas.IncomePage)
def incomes(actor, card_id, query):
    """What came onto an expense card, newest first."""
    return queries.incomes(actor, card_id, **query)


@bp.post(
    "/expense-cards/<id:card_id>/incomes",
    access="expense_cards.keep",
    body=schemas.IncomeIn(),
    answer=PROGRESS,
    idempotent=True,
    errors=[NotYourCard],
)
def top_up(actor, card_id, body):
    """Add money to an expense card."""
    return services.top_up(actor=actor, card_id=card_id, **body)


@bp.get(
    "/expense-cards/<id:card_id>/items",
    access="expense_cards.read",
    query=schemas.ItemsQuery(),
    answer=schemas.ExpenseItemPage,
)
def items(actor, card_id, query):
    """What is planned and spent on an expense card, newest first."""
    return queries.items(actor, card_id, **query)


@bp.post(
    "/expense-cards/<id:card_id>/items",
    access="expense_cards.keep",
    body=schemas.ExpenseItemIn(),
    answer=ITEM,
    idempotent=True,
    errors=[NotYourCard, OverBudget],
)
def add_item(actor, card_id, body):
    """Note what was spent, or with `planned` what is to be."""
    return services.add_item(actor=actor, card_id=card_id, **body)


@bp.post(
    "/expense-items/<id:item_id>/spend",
    access="expense_cards.keep",
    status=200,
    body=schemas.SpendItemIn(),
    answer=ITEM,
    idempotent=True,
    errors=[NotYourCard, ItemSpent, OverBudget],
)
def spend_item(actor, item_id, body):
    """A planned item has happened, perhaps at another price."""
    return services.spend_item(actor=actor, item_id=item_id, **body)


@bp.delete("/expense-items/<id:item_id>", access="expense_cards.keep", errors=[NotYourCard, ItemSpent])
def remove_item(actor, item_id):
    """Drop a plan. What was spent stays."""
    services.remove_item(actor=actor, item_id=item_id)
