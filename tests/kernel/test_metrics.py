"""Counting in one process: bounded labels, sums, estimated quantiles, and both spellings of Prometheus."""

import os
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_plain

from ofektom import database, metrics


def counted(endpoint: str) -> dict:
    return metrics.summary()["requests"].get(endpoint, {"count": 0, "errors": 0})


def test_requests_are_counted_by_endpoint_with_errors_and_mean():
    for status, seconds in ((200, 0.1), (404, 0.2), (500, 0.3), (503, 0.4)):
        metrics.observe("zoo.feed", "GET", status, seconds)
    found = counted("zoo.feed")
    assert (found["count"], found["errors"], found["mean_ms"]) == (4, 2, 250)


def test_quantiles_lie_in_the_bucket_of_the_request_they_speak_of():
    for hundredth in range(1, 101):
        metrics.observe("zoo.count", "GET", 200, hundredth / 100)
    found = counted("zoo.count")
    assert found["p50_ms"] == pytest.approx(500, rel=0.01)
    assert found["p95_ms"] == pytest.approx(950, rel=0.02)
    assert found["p99_ms"] == pytest.approx(990, rel=0.02)


def test_a_quantile_beyond_the_last_bucket_is_its_bound():
    metrics.observe("zoo.sleep", "GET", 200, 60)
    assert counted("zoo.sleep")["p50_ms"] == 10_000


def test_methods_that_clients_make_up_share_one_label():
    for number in range(5):
        metrics.observe("zoo.poke", f"POKE{number}", 405, 0.001)
    text, _ = metrics.exposition("text/plain")
    methods = {line.split('method="')[1].split('"')[0] for line in text.decode().splitlines() if "zoo.poke" in line}
    assert methods == {"other"}
    assert counted("zoo.poke")["count"] == 5


def test_the_hook_counts_a_request_once_and_what_reaches_no_view_as_none(anonymous):
    before, lost = counted("ops.live")["count"], counted("none")["count"]
    anonymous.get("/livez")
    for path in ("/no/such/thing", "/nor/this"):
        anonymous.get(path)
    assert (counted("ops.live")["count"], counted("none")["count"]) == (before + 1, lost + 2)


def test_look_ups_are_told_apart_by_tier():
    for tier, hits, misses in (("one", 3, 1), ("another", 0, 2)):
        for hit in [True] * hits + [False] * misses:
            metrics.cache_looked_up(tier, hit=hit)
    tiers = metrics.summary()["cache"]["tiers"]
    assert tiers["one"] == {"hits": 3, "misses": 1, "hit_rate": "75.00%"}
    assert tiers["another"] == {"hits": 0, "misses": 2, "hit_rate": "0.00%"}


def test_there_is_no_rate_before_the_first_look_up():
    assert metrics.hit_rate(0, 0) is None
    assert metrics.hit_rate(1234, 56) == "95.66%"


def test_failures_and_the_breaker_are_told():
    before = metrics.summary()["cache"]["errors"]
    metrics.cache_failed()
    metrics.breaker(open=True)
    cache = metrics.summary()["cache"]
    assert (cache["errors"], cache["breaker"], cache["workers_with_open_breaker"]) == (before + 1, "open", 1)
    metrics.breaker(open=False)
    assert metrics.summary()["cache"]["breaker"] == "closed"


@pytest.mark.usefixtures("context")
def test_the_pool_counts_what_is_lent_and_never_less_than_nothing():
    before = database.get_connection_pool_status()
    with database.db.engine.connect():
        during = database.get_connection_pool_status()
    assert during["connections_checked_out"] == before["connections_checked_out"] + 1
    assert during["overflow"] >= 0
    assert during["total_connections"] == during["connections_checked_in"] + during["connections_checked_out"]


@pytest.mark.parametrize(
    ("media_type", "read"), [("text/plain", read_plain), ("application/openmetrics-text", read_openmetrics)]
)
def test_prometheus_can_read_it(media_type, read):
    metrics.observe("zoo.read", "GET", 200, 0.02)
    text, content_type = metrics.exposition(media_type)
    families = {family.name: family for family in read(text.decode())}
    assert content_type.startswith(media_type)
    [count] = [
        sample.value
        for sample in families["ofektom_request_seconds"].samples
        if sample.name.endswith("_count") and sample.labels["endpoint"] == "zoo.read"
    ]
    assert count == counted("zoo.read")["count"]
    assert {"ofektom_pool_size", "ofektom_pool_overflow", "ofektom_cache_errors"} <= set(families) | {
        name.removesuffix("_total") for name in families
    }


def test_a_command_beside_the_workers_leaves_nothing_in_their_files(tmp_path):
    program = "from ofektom import metrics; metrics.cache_failed(); print(metrics.summary()['cache']['errors'])"
    for place in (tmp_path, tmp_path / "missing"):
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(place)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout == "1\n"
    assert list(tmp_path.iterdir()) == []
