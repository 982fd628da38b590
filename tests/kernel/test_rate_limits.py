"""One address may call a view that declares a rate so often, whichever worker or instance it meets, Redis or not."""

from dataclasses import replace

import pytest

from ofektom.app import create_app
from ofektom.auth import PUBLIC
from ofektom.caching import get_cache
from ofektom.discovery import DeclarationError, check_views
from ofektom.extensions import db
from ofektom.views import Slice
from tests.concurrency.race import race
from tests.conf.processes import free_port, wait_for

RATE = 5


@pytest.fixture
def limited(settings):
    """Makes applications with a view that may be called five times a minute."""
    made = []

    def make(**changes):
        bp = Slice("limited", __name__)

        @bp.post("/limited", access=PUBLIC, rate="LOGIN_RATE", status=204)
        def limited():
            """Do nothing."""

        app = create_app(replace(settings, login_rate=f"{RATE}/minute", **changes), testing=True)
        app.register_blueprint(bp)
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            get_cache().flush_db()
            db.engine.dispose()


def statuses(app, address: str, times: int, **headers: str) -> list[int]:
    client = app.test_client()
    there = {"environ_base": {"REMOTE_ADDR": address}, "headers": headers}
    return [client.post("/api/v1/limited", **there).status_code for _ in range(times)]


def test_one_more_than_the_rate_is_refused_and_told_when_to_come_back(limited):
    app = limited()
    assert statuses(app, "203.0.113.7", RATE) == [204] * RATE
    refused = app.test_client().post("/api/v1/limited", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert (refused.status_code, refused.json["code"]) == (429, "request.too_many")
    assert 50 <= int(refused.headers["Retry-After"]) <= 60
    assert statuses(app, "203.0.113.8", 1) == [204]


def test_all_instances_count_together(limited):
    first, second = limited(), limited()
    assert statuses(first, "203.0.113.7", 3) + statuses(second, "203.0.113.7", 3) == [204] * RATE + [429]


def test_a_crowd_gets_no_more_than_the_rate(limited):
    app = limited()
    [answers] = race([lambda _: statuses(app, "203.0.113.7", 1)[0]] * 20)
    assert sorted(answers) == [204] * RATE + [429] * (20 - RATE)


def test_a_window_ends(limited, client):
    app = limited()
    assert statuses(app, "203.0.113.7", RATE + 1)[-1] == 429
    [key] = client.keys("*203.0.113.7*")
    assert 50_000 < client.pttl(key) <= 60_000
    client.pexpire(key, 1)
    wait_for(lambda: not client.exists(key))
    assert statuses(app, "203.0.113.7", 2) == [204, 204]


def test_a_count_that_was_left_without_an_end_gets_one(limited, client):
    app = limited()
    statuses(app, "203.0.113.7", 1)
    [key] = client.keys("*203.0.113.7*")
    client.persist(key)
    statuses(app, "203.0.113.7", 1)
    assert client.pttl(key) > 0


@pytest.mark.parametrize(
    "without", [{"redis_url": ""}, {"redis_url": f"redis://127.0.0.1:{free_port()}/0"}], ids=["none", "away"]
)
def test_without_redis_a_worker_counts_for_itself(limited, without):
    app = limited(**without)
    assert statuses(app, "203.0.113.7", RATE + 2) == [204] * RATE + [429] * 2
    assert statuses(app, "203.0.113.8", 1) == [204]
    refused = app.test_client().post("/api/v1/limited", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert 50 <= int(refused.headers["Retry-After"]) <= 60


def test_what_somebody_planted_in_redis_is_no_way_past(limited, client):
    app = limited()
    statuses(app, "203.0.113.7", 1)
    [key] = client.keys("*203.0.113.7*")
    client.delete(key)
    client.set(key, "no number")
    assert statuses(app, "203.0.113.7", RATE + 1) == [204] * RATE + [429]


def test_what_a_client_says_of_itself_changes_nothing(limited):
    app = limited()
    spoofed = [statuses(app, "203.0.113.7", 1, **{"X-Forwarded-For": f"198.51.100.{n}"})[0] for n in range(RATE + 1)]
    assert spoofed == [204] * RATE + [429]


def test_behind_a_proxy_each_client_has_its_own(limited):
    app = limited(proxy_hops=1)
    assert statuses(app, "127.0.0.1", RATE + 1, **{"X-Forwarded-For": "198.51.100.1"})[-1] == 429
    assert statuses(app, "127.0.0.1", 1, **{"X-Forwarded-For": "198.51.100.1, 198.51.100.2"}) == [204]


def test_one_customers_ipv6_addresses_count_as_one(limited):
    app = limited()
    assert [statuses(app, f"2001:db8:0:7::{n}", 1)[0] for n in range(1, RATE + 2)] == [204] * RATE + [429]
    assert statuses(app, "2001:db8:0:8::1", 1) == [204]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_machine_itself_is_not_limited(limited, address):
    assert statuses(limited(), address, RATE + 2) == [204] * (RATE + 2)


def test_no_rate_is_no_limit(settings, limited):
    app = limited()
    app.config["LOGIN_RATE"] = ""
    assert statuses(app, "203.0.113.7", RATE + 2) == [204] * (RATE + 2)


def test_a_rate_that_nobody_sets_is_refused_at_start(limited):
    app = limited()
    app.view_functions["limited.limited"].view.__dict__["rate"] = "NO_SUCH_RATE"
    with pytest.raises(DeclarationError, match="NO_SUCH_RATE"):
        check_views(app)


def test_signing_in_has_a_rate(app, cast):
    assert app.view_functions["auth.login"].view.rate == "LOGIN_RATE"
    client, there = app.test_client(), {"REMOTE_ADDR": "203.0.113.99"}
    body = {"login": "nobody-at-all", "secret": "0000"}
    answers = [client.post("/api/v1/auth/login", json=body, environ_base=there) for _ in range(RATE + 1)]
    assert [answer.status_code for answer in answers] == [401] * RATE + [429]
