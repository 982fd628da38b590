"""How many Redis commands a request costs, counted by Redis itself, and that what is known there costs no SQL."""

from collections import Counter

import pytest
import redis

from ofektom.caching import get_cache
from tests.blueprints.test_statements import Meter
from tests.cast import Client

OURS = ("config", "info", "ping", "client")


@pytest.fixture
def server(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def account(fresh_cast) -> dict:
    """A card with a day paid; nobody's copies are buried any more."""
    account = fresh_cast.open_account(fresh_cast.funke)
    fresh_cast.mark(account)
    with fresh_cast.app.app_context():
        get_cache().flush_db()
    fresh_cast.chidi.ok("GET", "/auth/me")
    return account


class Price:
    """What a request cost: Redis commands by name, and SQL statements by endpoint."""

    def __init__(self, server, app):
        self.server, self.app = server, app

    def of(self, act) -> tuple[dict, int]:
        self.server.config_resetstat()
        with Meter(self.app) as meter:
            act()
        statistics = self.server.info("commandstats")
        commands = {name.removeprefix("cmdstat_"): figures["calls"] for name, figures in statistics.items()}
        asked = {name: calls for name, calls in commands.items() if name.split("|")[0] not in OURS}
        return asked, sum(meter.cost.values())


@pytest.fixture
def price(server, app) -> Price:
    return Price(server, app)


def test_a_caller_the_worker_has_just_seen_costs_nothing(price, fresh_cast, account):
    fresh_cast.chidi.ok("GET", "/auth/me")
    assert price.of(lambda: fresh_cast.chidi.ok("GET", "/auth/me")) == ({}, 0)


def test_a_caller_new_to_the_worker_costs_one_command(price, app, fresh_cast, account):
    app.extensions["callers"].clear()
    assert price.of(lambda: fresh_cast.chidi.ok("GET", "/auth/me")) == ({"mget": 1}, 0)


@pytest.mark.parametrize(
    "path",
    [
        "/savings/{}",
        "/savings/{}/card",
        "/savings?limit=50",
        "/route",
        "/collections",
        "/search?q=funke",
        "/reports/arrears",
        "/reports/collections/by-day",
    ],
)
def test_a_read_costs_at_most_one_command_and_its_statement(price, app, fresh_cast, account, path):
    app.extensions["callers"].clear()
    assert price.of(lambda: fresh_cast.chidi.ok("GET", path.format(account["id"]))) == ({"mget": 1}, 1)


def test_settings_that_are_known_cost_no_statement(price, app, fresh_cast, account):
    fresh_cast.chidi.ok("GET", "/settings")
    app.extensions["callers"].clear()
    assert price.of(lambda: fresh_cast.chidi.ok("GET", "/settings")) == ({"mget": 2}, 0)


def test_a_marking_trusts_no_copy(price, fresh_cast, account):
    asked, statements = price.of(lambda: fresh_cast.mark(account))
    assert (asked, statements) == ({}, 9)


def test_signing_in_needs_no_redis(price, app, fresh_cast):
    person = fresh_cast.funke
    assert price.of(lambda: Client(app).sign_in(person.phone, person.secret)) == ({}, 3)


def test_signing_in_from_elsewhere_costs_one_command(price, app, fresh_cast):
    body = {"login": fresh_cast.funke.phone, "secret": fresh_cast.funke.secret}
    there = {"json": body, "environ_base": {"REMOTE_ADDR": "203.0.113.50"}}
    asked, statements = price.of(lambda: app.test_client().post("/api/v1/auth/login", **there))
    in_script = {"incrby": 1, "pttl": 1, "pexpire": 1}
    assert (asked, statements) == ({"eval": 1} | in_script, 3)


def test_signing_out_leaves_a_tombstone(price, fresh_cast):
    asked, _ = price.of(lambda: fresh_cast.funke.ok("POST", "/auth/logout"))
    assert Counter(asked) == {"set": 1}


def test_an_answer_for_anybody_costs_one_command(price, app):
    client = app.test_client()
    client.get("/api/v1/banks")
    assert price.of(lambda: client.get("/api/v1/banks")) == ({"get": 1}, 0)
