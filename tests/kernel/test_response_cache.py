"""Answers to anonymous GETs are kept, and nothing that is anybody's own."""

import time
from dataclasses import replace

import pytest

from ofektom.app import create_app
from ofektom.caching import get_cache
from ofektom.edge import Service
from ofektom.response_cache import CachingMiddleware

BANKS = "/api/v1/banks"


@pytest.fixture(autouse=True)
def empty(app):
    with app.app_context():
        get_cache().flush_db()


@pytest.fixture
def client(app):
    return app.test_client(use_cookies=False)


def test_the_second_answer_comes_from_the_cache_and_is_the_same(client):
    first, second = client.get(BANKS), client.get(BANKS)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert first.data == second.data
    for name in ("Content-Type", "Cache-Control", "ETag", "X-Content-Type-Options"):
        assert first.headers[name] == second.headers[name]
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


def test_what_is_kept_is_kept_for_the_shorter_of_both_times(app, client, redis_url):
    import redis

    client.get(BANKS)
    client.get("/api/v1/openapi.json")
    with redis.Redis.from_url(redis_url) as server:
        lives = {name.decode(): server.ttl(name) for name in server.scan_iter("ofektom:response:*")}
    assert lives == {"ofektom:response:/api/v1/banks?": 60, "ofektom:response:/api/v1/openapi.json?": 60}


def test_the_proxy_may_keep_an_answer_for_as_long_as_we_do_and_no_longer(app, client):
    assert client.get(BANKS).headers["X-Accel-Expires"] == "60"
    with app.app_context():
        kept = get_cache().get(f"response:{BANKS}?")
        for age, lives in ((20, {"39", "40"}), (65, {"0"}), (-5, {"60"})):
            get_cache().set(f"response:{BANKS}?", kept | {"made": time.time() - age})
            answer = client.get(BANKS)
            assert answer.headers["X-Cache"] == "HIT"
            assert answer.headers["X-Accel-Expires"] in lives


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (BANKS, {"headers": {"Authorization": "anything"}}),
        (BANKS, {"headers": {"Cookie": "anything"}}),
        (BANKS, {"method": "HEAD"}),
        (BANKS, {"method": "POST"}),
        (f"{BANKS}?page=1", {}),
        ("/api/v1/receipts/AAAA-BBBB-CCCC", {}),
        ("/livez", {}),
        ("/docs", {}),
    ],
)
def test_the_proxy_may_keep_nothing_else(client, path, options):
    client.get(BANKS)
    for _ in range(2):
        assert "X-Accel-Expires" not in client.open(path, **options).headers


def test_a_304_is_nothing_to_keep(client):
    tag = client.get(BANKS).headers["ETag"]
    for asked_first in (False, True):
        if asked_first:
            with client.application.app_context():
                get_cache().flush_db()
        again = client.get(BANKS, headers={"If-None-Match": tag})
        assert (again.status_code, "X-Accel-Expires" in again.headers) == (304, False)


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
def test_credentials_are_neither_answered_from_it_nor_kept(client, header):
    assert "X-Cache" not in client.get(BANKS, headers={header: "anything"}).headers
    assert client.get(BANKS).headers["X-Cache"] == "MISS"
    own = client.get(BANKS, headers={header: "anything"})
    assert "X-Cache" not in own.headers
    assert own.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/api/v1/auth/me", "/api/v1/nothing", "/docs"])
def test_what_no_view_calls_public_is_not_kept(client, path):
    assert "X-Cache" not in client.get(path).headers
    assert "X-Cache" not in client.get(path).headers


def test_refusals_are_not_kept(client):
    for _ in range(2):
        answer = client.get("/api/v1/receipts/AAAA-BBBB-CCCC")
        assert (answer.status_code, answer.headers.get("X-Cache")) == (404, None)
        assert (client.get(f"{BANKS}?page=1").status_code, client.post(BANKS).status_code) == (422, 405)


def test_a_known_answer_is_not_sent_again(client):
    tag = client.get(BANKS).headers["ETag"]
    again = client.get(BANKS, headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["X-Cache"]) == (304, b"", "HIT")


def test_another_receipt_is_another_answer(fresh_cast, client):
    account = fresh_cast.open_account(fresh_cast.funke)
    codes = [fresh_cast.mark(account)["check_code"] for _ in range(2)]
    answers = [client.get(f"/api/v1/receipts/{code}") for code in codes * 2]
    assert [answer.headers["X-Cache"] for answer in answers] == ["MISS", "MISS", "HIT", "HIT"]
    assert answers[0].data != answers[1].data
    assert [answer.data for answer in answers[:2]] == [answer.data for answer in answers[2:]]


def test_a_receipt_taken_back_is_not_shown_as_valid(fresh_cast, client):
    receipt = fresh_cast.mark(fresh_cast.open_account(fresh_cast.funke))
    path = f"/api/v1/receipts/{receipt['check_code']}"
    assert [client.get(path).json["status"] for _ in range(2)] == ["valid", "valid"]
    fresh_cast.chidi.ok("POST", f"/collections/{receipt['collection_id']}/reversal", {"reason": "wrong card"})
    assert client.get(path).json["status"] == "reversed"


def test_what_is_planted_under_its_key_is_not_sent(app, client):
    with app.app_context():
        get_cache().set(f"response:{BANKS}?", {"body": 7, "headers": []})
    assert (client.get(BANKS).headers["X-Cache"], client.get(BANKS).headers["X-Cache"]) == ("MISS", "HIT")


def test_excluded_paths_are_never_kept(settings):
    client = create_app(replace(settings, response_cache_exclude=("/api/v1/banks/",)), testing=True).test_client()
    assert ["X-Cache" in client.get(BANKS).headers for _ in range(2)] == [False, False]


def test_without_redis_answers_are_made_anew(settings):
    client = create_app(replace(settings, redis_url=""), testing=True).test_client()
    answers = [client.get(BANKS).headers for _ in range(2)]
    assert [(answer["X-Cache"], answer["X-Accel-Expires"]) for answer in answers] == [("MISS", "60")] * 2


SAMPLE = """
app.add_middleware(
    CachingMiddleware,
    ttl=60,  # Cache for 60 seconds
    exclude_paths=['/api/v1/auth/login']
)
"""


def test_it_is_installed_as_the_guide_does():
    app = Service("sample")
    exec(SAMPLE, {"app": app, "CachingMiddleware": CachingMiddleware})
    assert [len(hooks[None]) for hooks in (app.before_request_funcs, app.after_request_funcs)] == [1, 1]
