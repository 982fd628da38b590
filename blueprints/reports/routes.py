"""/reports for admins, and the statement of a savings account for all who may see it."""

from blueprints.reports import queries, rules, schemas
from ofektom import proofs
from ofektom.views import Slice

bp = Slice("reports", __name__)


@bp.get("/reports/trial-balance", access="reports.read", answer=schemas.TrialBalanceOut())
def trial_balance(actor):
    """Debits and credits of every kind of account; they are equal."""
    return rules.trial_balance(proofs.totals_by_kind(actor.business_id))


@bp.get("/reports/four-pots", access="reports.read", answer=schemas.FourPotsOut())
def four_pots(actor):
    """Whether cash, bank, agents' bags and clearing cover what customers are owed."""
    return rules.four_pots(proofs.totals_by_kind(actor.business_id))


@bp.get(
    "/savings/<id:account_id>/statement",
    access="statements.read",
    query=schemas.SavingsStatementQuery(),
    answer=schemas.SavingsStatementOut(),
)
def savings_statement(actor, account_id, query):
    """Every movement of a savings account between two business days, from the ledger, newest first.

    With the balance before and after those days, and what came in and went out. As a file: `statement.csv` and
    `statement.pdf`.
    """
    return queries.savings_statement(actor, account_id, **query)
