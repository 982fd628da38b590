"""The service on a real port, one browser, and a business in the middle of its day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.browser.chromium import Browser, chromium
from tests.cast import Cast, Staff, today
from tests.conf.processes import free_port
from tests.faults.servers import gunicorn

NEIGHBOURS = [("Musa Garba", 20_000), ("Ngozi Okafor", 100_000), ("Sade Bakare", 30_000), ("Tunde Lawal", 50_000)]
# How many days ago what was collected of the first card.
ROUNDS = (19, 17, 16, 14, 12, 11, 9, 7, 6, 4, 3, 2)


@dataclass(frozen=True)
class Market:
    """What the people of a business have to see, and payouts and an expense to decide."""

    cast: Cast
    payouts: list[int]
    expense: int


def furnish(staff: Staff) -> Market:
    """Cards begun some weeks ago, some of them paid; cash in hand; payouts and an expense that wait."""
    cast = Cast(staff, name="Balogun Thrift")
    cast.ada.ok("PATCH", "/settings", {"expense_approval_above": 10_000, "backdating_days": 31})
    known = [(cast.funke.id, 50_000, cast.chidi), (cast.gbenga.id, 50_000, cast.chidi)]
    known += [(cast.hauwa.id, 50_000, cast.dupe)]
    for name, amount in NEIGHBOURS:
        known.append((cast.add("customer", name, parent=cast.emeka)["id"], amount, cast.emeka))
    payouts = []
    for number, (customer_id, amount, collector) in enumerate(known):
        start = str(today() - timedelta(days=20 if number == 0 else 6))
        plan = {"kind": "daily", "contribution": amount, "customer_id": customer_id, "start": start}
        account = cast.ada.ok("POST", "/savings", plan)
        path = f"/savings/{account['id']}/markings"
        for ago in ROUNDS if number == 0 else ():
            day = str(today() - timedelta(days=ago))
            collector.ok("POST", path, {"days": 1 + ago % 3 // 2, "collected_on": day})
        collector.ok("POST", path, {"days": 7 - number})
        if number < 3:
            wanted = {"account_id": account["id"], "amount": amount}
            payouts.append(collector.ok("POST", "/payments", wanted)["id"])
    spent = cast.chidi.ok("POST", "/expenses", {"amount": 45_000, "category": "fuel", "note": "Petrol for the rounds"})
    return Market(cast, payouts, spent["id"])


@pytest.fixture(scope="package")
def service(app, settings, database_url, redis_url, tmp_path_factory) -> Iterator[str]:
    """The address of the service, as production serves it."""
    port, folder = free_port(), tmp_path_factory.mktemp("service")
    more = {"REDIS_URL": redis_url, "LOGIN_RATE": "", "DB_LOCK_TIMEOUT_MS": "5000"}
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
