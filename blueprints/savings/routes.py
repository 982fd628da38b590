"""/savings: plans, their cards and their life."""

from blueprints.commissions.rules import LargerThanContribution
from blueprints.savings import queries, schemas, services
from blueprints.savings.rules import AccountClosed, AlreadyRolledOver, InvalidPlan, NotACustomer, NotCompleted
from ofektom.examples import Example
from ofektom.schemas import ReasonIn
from ofektom.views import Slice

bp = Slice("savings", __name__, url_prefix="/savings")

ACCOUNT = schemas.AccountOut()


@bp.get("", access="savings.read", query=schemas.AccountsQuery(), answer=schemas.AccountPage)
def accounts(actor, query):
    """Savings accounts you may see, filtered by customer, collector, state, kind or tracking number."""
    return queries.accounts(actor, **query)


@bp.post(
    "/preview",
    access="savings.open",
    status=200,
    body=schemas.PlanIn(),
    answer=schemas.OutlineOut(),
    errors=[InvalidPlan, LargerThanContribution],
)
def preview(actor, body):
    """What a plan would come to; stores nothing."""
    return services.preview(actor=actor, **body)


@bp.post(
    "",
    access="savings.open",
    body=schemas.AccountIn(),
    answer=ACCOUNT,
    idempotent=True,
    errors=[NotACustomer, InvalidPlan, LargerThanContribution],
    example=Example(body={"customer_id": 4}),
)
def open_account(actor, body):
    """Open a savings account for a customer. Its commission policy is the business's of today."""
    return services.open_account(actor=actor, **body)


@bp.get("/<id:account_id>", access="savings.read", answer=ACCOUNT)
def account(actor, account_id):
    """One savings account."""
    return queries.account(actor, account_id)


@bp.get("/<id:account_id>/card", access="savings.read", answer=schemas.CardOut())
def card(actor, account_id):
    """The card: every slot (paid, due, missed or open) and the totals."""
    return queries.sheet(queries.card(actor, account_id))


@bp.post(
    "/<id:account_id>/extend",
    access="savings.change",
    status=200,
    body=schemas.ExtendIn(),
    answer=ACCOUNT,
    idempotent=True,
    errors=[AccountClosed, AlreadyRolledOver, InvalidPlan, LargerThanContribution],
)
def extend(actor, account_id, body):
    """Make a plan longer: more cycles, or a later end of a target plan."""
    return services.extend(actor=actor, account_id=account_id, **body)


@bp.post(
    "/<id:account_id>/terms",
    access="savings.change",
    status=200,
    body=schemas.TermsIn(),
    answer=ACCOUNT,
    errors=[AccountClosed, InvalidPlan, LargerThanContribution],
)
def change_terms(actor, account_id, body):
    """Change the terms of the open slots from a day on. Paid slots stay as they are."""
    return services.change_terms(actor=actor, account_id=account_id, **body)


@bp.post(
    "/<id:account_id>/end",
    access="savings.change",
    status=200,
    body=ReasonIn(),
    answer=ACCOUNT,
    idempotent=True,
    errors=[AccountClosed],
)
def end_early(actor, account_id, body):
    """Complete a plan today. Its open slots are void; commission that is due is taken."""
    return services.end_early(actor=actor, account_id=account_id, **body)


@bp.post(
    "/<id:account_id>/roll-over",
    access="savings.change",
    body=schemas.RollOverIn(),
    answer=ACCOUNT,
    idempotent=True,
    errors=[NotCompleted, AlreadyRolledOver, InvalidPlan],
    example=Example(path={"account_id": 5}),
)
def roll_over(actor, account_id, body):
    """Open the next plan with the terms of a completed one."""
    return services.roll_over(actor=actor, account_id=account_id, **body)
