"""The service on a real port, one browser, and a business of which some words would be scripts if a page let them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from tests.browser.chromium import Browser, chromium
from tests.cast import Cast, Staff
from tests.conf.processes import free_port
from tests.faults.servers import gunicorn

SCRIPT = "<script>document.title = 'taken over'</script>"
IMAGE = "\"><img src=x onerror=\"document.title = 'taken over'\">"
PLAIN = [("Musa Garba", 20_000), ("Ngozi Okafor", 100_000), ("Sade Bakare", 30_000), ("Tunde Lawal", 50_000)]


@dataclass(frozen=True)
class Market:
    """A business in the middle of a day: what its people have to see and to decide."""

    cast: Cast
    payouts: list[int]
    expense: int


def furnish(staff: Staff) -> Market:
    """Cards begun some days ago, some of them paid; cash in hand; payouts and an expense that wait."""
    cast = Cast(staff, name=f"Balogun {IMAGE[:20]}")
    start = str(date.today() - timedelta(days=6))
    payouts = []
    cast.ada.ok("PATCH", "/settings", {"expense_approval_above": 10_000, "cooldown_hours": 0})
    walk_ins = [(cast.add("customer", name, parent=cast.emeka), amount) for name, amount in PLAIN]
    customers = [(person, 50_000) for person in (cast.funke, cast.gbenga, cast.hauwa)]
    collectors = [*[cast.chidi] * 2, cast.dupe, *[cast.emeka] * len(walk_ins)]
    known = [(person.id, amount) for person, amount in customers] + [(one["id"], amount) for one, amount in walk_ins]
    for number, ((customer_id, amount), collector) in enumerate(zip(known, collectors, strict=True)):
        plan = {"kind": "daily", "contribution": amount, "customer_id": customer_id, "start": start}
        account = cast.ada.ok("POST", "/savings", plan)
        collector.ok("POST", f"/savings/{account['id']}/markings", {"days": 7 - number})
        if number < 3:
            wanted = {"account_id": account["id"], "amount": amount}
            payouts.append(collector.ok("POST", "/payments", wanted)["id"])
    spent = cast.chidi.ok("POST", "/expenses", {"amount": 45_000, "category": "fuel", "note": "Petrol for the rounds"})
    return Market(cast, payouts, spent["id"])


@pytest.fixture(scope="package")
def service(app, settings, database_url, redis_url, tmp_path_factory) -> Iterator[str]:
    """The address of the service, as production serves it."""
    port, folder = free_port(), tmp_path_factory.mktemp("service")
    more = {"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2", "OPS_NETWORKS": "127.0.0.0/8"}
    with gunicorn(settings, database_url, port, folder / "log", **more):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="package")
def browser(service, tmp_path_factory) -> Iterator[Browser]:
    """The browser that all of these tests use, one after the other."""
    with chromium(service, tmp_path_factory.mktemp("chromium")) as browser:
        browser.look()
        yield browser


@pytest.fixture(scope="package")
def market(staff) -> Market:
    """A business to look at."""
    return furnish(staff)
