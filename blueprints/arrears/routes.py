"""/reports/arrears and /reports/dormant: the open accounts that somebody should ask after."""

from blueprints.arrears import queries, schemas
from ofektom.views import Slice

bp = Slice("arrears", __name__, url_prefix="/reports")


@bp.get("/arrears", access="arrears.read", query=schemas.ArrearsQuery(), answer=schemas.ArrearsPage)
def arrears(actor, query):
    """Open accounts with missed slots: how many, how much, since when. What has been paid meanwhile does not count."""
    return queries.arrears(actor, **query)


@bp.get("/dormant", access="arrears.read", query=schemas.DormantQuery(), answer=schemas.DormantPage)
def dormant(actor, query):
    """Open accounts on which nothing has been collected for some days."""
    return queries.dormant(actor, **query)
