"""/commissions: what was taken, and each collector's statement."""

from blueprints.commissions import queries, schemas
from ofektom.views import Slice

bp = Slice("commissions", __name__, url_prefix="/commissions")


@bp.get("", access="commissions.read", query=schemas.CommissionsQuery(), answer=schemas.CommissionPage)
def commissions(actor, query):
    """Commissions, newest first: an admin's business, a collector's own and those under them."""
    return queries.commissions(actor, **query)


@bp.get(
    "/agents/<id:agent_id>/statement",
    access="commissions.read",
    query=schemas.StatementQuery(),
    answer=schemas.StatementOut(),
)
def statement(actor, agent_id, query):
    """A collector's statement: what the business owes them, the sums of a period and every movement."""
    return queries.statement(actor, agent_id, **query)
