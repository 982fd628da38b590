"""/reports on collections, commission and cash, and the dashboards."""

from blueprints.figures import queries, schemas
from blueprints.figures.rules import InvalidPeriod
from ofektom.schemas import PageIn
from ofektom.views import Slice

bp = Slice("figures", __name__)


@bp.get(
    "/reports/collections/by-day",
    access="figures.read",
    query=schemas.CollectionsQuery(),
    answer=schemas.CollectionsByDayOut(),
    errors=[InvalidPeriod],
)
def collections_by_day(actor, query):
    """What was collected on each day: an admin's business, a collector's own and of those under them."""
    return queries.collections(actor, "day", **query)


@bp.get(
    "/reports/collections/by-unit",
    access="figures.read",
    query=schemas.CollectionsQuery(),
    answer=schemas.CollectionsByUnitOut(),
    errors=[InvalidPeriod],
)
def collections_by_unit(actor, query):
    """The same, by the unit of who collected."""
    return queries.collections(actor, "unit", **query)


@bp.get(
    "/reports/collections/by-agent",
    access="figures.read",
    query=schemas.CollectionsQuery(),
    answer=schemas.CollectionsByAgentOut(),
    errors=[InvalidPeriod],
)
def collections_by_agent(actor, query):
    """The same, by who collected."""
    return queries.collections(actor, "agent", **query)


@bp.get(
    "/reports/commissions",
    access="figures.read",
    query=schemas.PeriodQuery(),
    answer=schemas.CommissionsByAgentOut(),
    errors=[InvalidPeriod],
)
def commissions(actor, query):
    """Commission earned by each collector, without what was clawed back."""
    return queries.commissions(actor, **query)


@bp.get("/reports/cash", access="figures.read", query=PageIn(), answer=schemas.CashPage)
def cash(actor, query):
    """Who holds cash, how much, and how old the oldest of it is."""
    return queries.cash(actor, **query)


@bp.get("/dashboard", access="figures.dashboard", answer=schemas.DashboardOut())
def dashboard(actor):
    """How the business stands today."""
    return queries.dashboard(actor)


@bp.get("/platform/dashboard", access="figures.platform", query=PageIn(), answer=schemas.PlatformOut())
def platform(actor, query):
    """How many businesses there are, and the totals of each, without anything about a person."""
    return queries.platform(actor, **query)
