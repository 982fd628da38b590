"""What the pages show: the reads of other slices, side by side."""

from datetime import timedelta

from blueprints.console.rules import busiest, columns, duration
from blueprints.expenses import queries as expenses
from blueprints.expenses.rules import ExpenseStatus
from blueprints.figures import queries as figures
from blueprints.ops import queries as ops
from blueprints.payments import queries as payments
from blueprints.payments.rules import RequestStatus
from blueprints.users import queries as users
from ofektom import caching, metrics
from ofektom.database import get_connection_pool_status
from ofektom.identity import Actor

# Two lists on one page, each line with its forms.
WAITING_ON_A_PAGE = 15


def today(actor: Actor) -> dict:
    """What was collected today, by whom, and on the days before. Of the collectors in the actor's sight."""
    month = figures.collections(actor, "day", collector_id=None, since=None, until=None)
    day = month["until"]
    mine = figures.collections(actor, "agent", collector_id=None, since=day, until=day)
    taken = {item["day"]: item["amount"] for item in month["items"]}
    days = [month["since"] + timedelta(days=number) for number in range((day - month["since"]).days + 1)]
    return {"today": mine, "days": columns([(f"{one:%-d %b}", taken.get(one, 0)) for one in days])}


def approvals(actor: Actor, payouts: str | None, spending: str | None) -> dict:
    """Pages of the payouts and of the expenses that wait for somebody's decision, and the names of whom they name."""
    most = {"limit": WAITING_ON_A_PAGE}
    asked = payments.requests(actor, **most, cursor=payouts, status=RequestStatus.REQUESTED)
    whole = {"since": None, "until": None}
    spent = expenses.expenses(actor, **most, cursor=spending, status=ExpenseStatus.REQUESTED, **whole)
    named = {item[who] for item in asked["items"] for who in ("customer_id", "requested_by_id")}
    named |= {item["spender_id"] for item in spent["items"]}
    return {"payouts": asked, "expenses": spent, "names": users.names(actor, named)}


def health() -> dict:
    """How this instance is: its database and Redis at this moment, and what its workers have counted so far."""
    metrics.note_pool(get_connection_pool_status())
    collected = metrics.collect()
    counted = metrics.summary(collected)
    latency = [(duration(bound), count) for bound, count in metrics.latency(collected)]
    return {
        "database": ops.database_answers(),
        "redis": caching.redis_info(),
        "pool": counted["database"],
        "cache": counted["cache"],
        "busiest": busiest(counted["requests"]),
        "answered": sum(count for _, count in latency),
        "errors": sum(endpoint["errors"] for endpoint in counted["requests"].values()),
        "latency": columns(latency),
    }
