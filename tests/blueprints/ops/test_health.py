"""Health, readiness and the metrics, in the shapes that the guide promises."""

import time
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from ofektom.app import create_app

JSON, TEXT, OPENMETRICS = "application/json", "text/plain", "application/openmetrics-text"
OF_REDIS = {"connected_clients", "used_memory_human", "keyspace_hits", "keyspace_misses", "hit_rate"}
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture(scope="module")
def away(settings):
    """The service while its database is away."""
    return create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none"), testing=True)


@pytest.fixture(scope="module")
def uncached(settings):
    """The service without a Redis."""
    return create_app(replace(settings, redis_url=""), testing=True)


def assert_described(app, path: str, answer) -> None:
    """That the answer is as the OpenAPI document describes it."""
    document = app.test_client().get("/api/v1/openapi.json").json
    described = document["paths"][path]["get"]["responses"][str(answer.status_code)]["content"][answer.mimetype]
    schema = described["schema"] | {"components": document["components"]}
    Draft202012Validator(schema).validate(answer.json)


def test_health_has_the_guides_keys(app):
    answer = app.test_client().get("/health")
    assert answer.json.keys() == {"status", "timestamp", "redis", "database"}
    assert abs(answer.json["timestamp"] - time.time()) < 5
    told = {name: answer.json[name] for name in ("status", "redis", "database")}
    assert (answer.status_code, told) == (200, {"status": "healthy", "redis": "connected", "database": "healthy"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert_described(app, "/health", answer)


@pytest.mark.parametrize(("redis", "url"), [("not configured", ""), ("unreachable", "redis://127.0.0.1:1/0")])
def test_without_redis_it_is_degraded_not_down(settings, redis, url):
    answer = create_app(replace(settings, redis_url=url), testing=True).test_client().get("/health")
    assert (answer.status_code, answer.json["redis"], answer.json["status"]) == (200, redis, "degraded")


def test_without_the_database_it_is_unhealthy_and_not_ready_but_alive(away):
    health, ready, live = (away.test_client().get(path) for path in ("/health", "/readyz", "/livez"))
    assert (health.status_code, health.mimetype) == (503, JSON)
    assert (health.json["status"], health.json["database"]) == ("unhealthy", "unreachable")
    assert health.headers["Retry-After"] == ready.headers["Retry-After"] == "2"
    assert (ready.status_code, ready.mimetype, ready.json) == (503, JSON, {"status": "not ready"})
    assert live.status_code == 200
    assert_described(away, "/health", health)
    assert_described(away, "/readyz", ready)


def test_readiness_tells_anybody_and_nothing_more(app):
    answer = app.test_client().get("/readyz", environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_metrics_have_the_guides_keys(app):
    answer = app.test_client().get("/metrics")
    body = answer.json
    assert body.keys() == {"timestamp", "database", "redis", "cache", "requests"}
    assert body["database"].keys() == {
        "pool_size",
        "connections_checked_in",
        "connections_checked_out",
        "overflow",
        "total_connections",
    }
    assert body["redis"].keys() == {"state"} | OF_REDIS
    assert body["redis"]["state"] == "connected"
    assert None not in body["redis"].values()
    assert body["database"]["pool_size"] == app.config["SQLALCHEMY_ENGINE_OPTIONS"]["pool_size"]
    assert_described(app, "/metrics", answer)


def test_metrics_are_to_be_had_without_redis(uncached):
    answer = uncached.test_client().get("/metrics")
    assert answer.json["redis"] == {"state": "not configured"} | dict.fromkeys(OF_REDIS)
    assert_described(uncached, "/metrics", answer)


def test_metrics_are_to_be_had_without_the_database(away):
    assert away.test_client().get("/metrics").json["database"]["total_connections"] == 0


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("image/png", JSON),
        ("nonsense", JSON),
        ("application/json;q=0", JSON),
        ("text/plain", TEXT),
        ("text/*", TEXT),
        ("TEXT/PLAIN; version=0.0.4", TEXT),
        ("text/plain;q=0.5, application/json", JSON),
        ("text/plain, application/json;q=0.5", TEXT),
        ("application/openmetrics-text; version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.3", TEXT),
        (PROMETHEUS, OPENMETRICS),
    ],
)
def test_the_caller_chooses_the_format(app, accept, given):
    answer = app.test_client().get("/metrics", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (200, given)
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept", "no-store")
