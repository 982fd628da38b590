"""What the service counts about itself: requests, connections, cache look-ups.

Under gunicorn each worker keeps its numbers in a file that all of them can read (PROMETHEUS_MULTIPROC_DIR, see
conf/gunicorn.py), so that whichever worker is asked answers for the instance. A plain process counts for itself alone.
"""

import os
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from flask import Flask
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client import exposition as plain
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.samples import Sample

from ofektom import green

# Only workers share: a command run beside them would leave the state of its own pool behind in their files.
SHARED = green.is_green() and "PROMETHEUS_MULTIPROC_DIR" in os.environ
if not SHARED:
    values.ValueClass = values.MutexValue

POOL_SECONDS = 1
# How often a file is read anew that another worker is making at this very moment.
READ_ATTEMPTS = 3
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
# A client may write anything where the method belongs, and a label must not take just any value.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
Families = dict[str, list[Sample]]  # the samples of each metric, by its name
TEXT_FORMATS = {
    "text/plain": (plain.generate_latest, plain.CONTENT_TYPE_PLAIN_0_0_4),
    "application/openmetrics-text": (openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST),
}

_requests = Histogram(
    "ofektom_request_seconds",
    "Time from a request's arrival to its answer",
    ["endpoint", "method", "status"],
    buckets=BUCKETS,
)
_pool_names = {
    "pool_size": "ofektom_pool_size",
    "connections_checked_in": "ofektom_pool_checked_in",
    "connections_checked_out": "ofektom_pool_checked_out",
    "overflow": "ofektom_pool_overflow",
}
_pool = {
    key: Gauge(name, f"Database connections of all workers: {key}", multiprocess_mode="livesum")
    for key, name in _pool_names.items()
}
_lookups = Counter("ofektom_cache_lookups", "Look-ups in a cache", ["tier", "result"])
_cache_errors = Counter("ofektom_cache_errors", "Calls of the shared cache that failed")
_open_breakers = Gauge(
    "ofektom_cache_breakers_open", "Workers that leave the shared cache alone", multiprocess_mode="livesum"
)
_retries = Counter("ofektom_transaction_retries", "Transactions run again after a deadlock or serialization failure")

# Finding a child by its labels costs more than counting in it.
_request_children: dict[tuple[str, str, int], Histogram] = {}
_lookup_children: dict[tuple[str, bool], Counter] = {}


def observe(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request; those that reach no view share one endpoint, "none"."""
    kind = status // 100
    child = _request_children.get((endpoint, method, kind)) or _request_child(endpoint, method, kind)
    child.observe(seconds)


def _request_child(endpoint: str, method: str, kind: int) -> Histogram:
    key = endpoint, method if method in METHODS else "other", kind
    if key not in _request_children:
        _request_children[key] = _requests.labels(key[0], key[1], f"{kind}xx")
    return _request_children[key]


def cache_looked_up(tier: str, hit: bool) -> None:
    """Count a look-up in the cache `tier`, one of a few fixed names."""
    child = _lookup_children.get((tier, hit))
    if child is None:
        child = _lookup_children[tier, hit] = _lookups.labels(tier, "hit" if hit else "miss")
    child.inc()


def cache_failed() -> None:
    """Count a call of the shared cache that failed."""
    _cache_errors.inc()


def breaker(open: bool) -> None:
    """Say whether this worker leaves the shared cache alone at the moment."""
    _open_breakers.set(open)


def transaction_retried() -> None:
    """Count a transaction that is run again."""
    _retries.inc()


def note_pool(status: dict[str, int]) -> None:
    """Tell the other workers the state of this one's pool, as database.get_connection_pool_status gives it."""
    for key, gauge in _pool.items():
        gauge.set(status[key])


def exposition(media_type: str) -> tuple[bytes, str]:
    """Everything in one of TEXT_FORMATS, and the full content type."""
    generate, content_type = TEXT_FORMATS[media_type]
    return _reading(generate), content_type


def summary(families: Families | None = None) -> dict:
    """The sums over all workers: `database` (connections), `cache` (look-ups by tier) and `requests` (by endpoint).

    Times are in milliseconds. Quantiles are interpolated within a bucket of the histogram, and end at its last bound.
    """
    families = families or collect()
    return {
        "database": _pool_summary(families),
        "cache": _cache_summary(families),
        "requests": _request_summary(families.get("ofektom_request_seconds", ())),
    }


def latency(families: Families) -> list[tuple[float, int]]:
    """(bound in seconds, how many answers took no longer, but longer than the bound before) over all workers."""
    up_to: dict[float, int] = defaultdict(int)
    for sample in families.get("ofektom_request_seconds", ()):
        if sample.name.endswith("_bucket"):
            up_to[float(sample.labels["le"])] += int(sample.value)
    counts = sorted(up_to.items())
    return [(bound, count - before) for (bound, count), (_, before) in zip(counts, [(0, 0), *counts], strict=False)]


def collect() -> Families:
    """The numbers of all workers at this moment."""
    return {family.name: family.samples for family in _reading(lambda registry: list(registry.collect()))}


def _reading(read: Callable[[CollectorRegistry], object]):
    """What `read` makes of all numbers; a worker that starts at this moment may have a file that is not yet whole."""
    for _ in range(READ_ATTEMPTS - 1):
        try:
            return green.off_the_hub(read, _registry())
        except (struct.error, RuntimeError, OSError):
            time.sleep(0.005)
    return green.off_the_hub(read, _registry())


def _registry() -> CollectorRegistry:
    if not SHARED:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


def _value(families: Families, name: str) -> int:
    return int(sum(sample.value for sample in families.get(name, ()) if not sample.name.endswith("_created")))


def _pool_summary(families: Families) -> dict[str, int]:
    counts = {key: _value(families, name) for key, name in _pool_names.items()}
    return counts | {"total_connections": counts["connections_checked_in"] + counts["connections_checked_out"]}


def _cache_summary(families: Families) -> dict:
    tiers: dict[str, dict[str, int]] = defaultdict(lambda: {"hit": 0, "miss": 0})
    for sample in families.get("ofektom_cache_lookups", ()):
        if sample.name.endswith("_total"):
            tiers[sample.labels["tier"]][sample.labels["result"]] += int(sample.value)
    opened = _value(families, "ofektom_cache_breakers_open")
    return {
        "tiers": {
            tier: {"hits": found["hit"], "misses": found["miss"], "hit_rate": hit_rate(found["hit"], found["miss"])}
            for tier, found in sorted(tiers.items())
        },
        "errors": _value(families, "ofektom_cache_errors"),
        "breaker": "open" if opened else "closed",
        "workers_with_open_breaker": opened,
    }


def hit_rate(hits: int, misses: int) -> str | None:
    """Such as "95.67%", or None before the first look-up."""
    return f"{100 * hits / (hits + misses):.2f}%" if hits + misses else None


def _request_summary(samples: Iterable[Sample]) -> dict[str, dict]:
    """By endpoint, over methods and statuses."""
    buckets: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    seconds: dict[str, float] = defaultdict(float)
    errors: dict[str, float] = defaultdict(float)
    for sample in samples:
        endpoint = sample.labels["endpoint"]
        if sample.name.endswith("_bucket"):
            buckets[endpoint][float(sample.labels["le"])] += sample.value
        elif sample.name.endswith("_sum"):
            seconds[endpoint] += sample.value
        elif sample.name.endswith("_count") and sample.labels["status"] == "5xx":
            errors[endpoint] += sample.value
    return {
        endpoint: _endpoint_summary(sorted(counts.items()), seconds[endpoint], int(errors[endpoint]))
        for endpoint, counts in sorted(buckets.items())
    }


def _endpoint_summary(bounds: list[tuple[float, float]], seconds: float, errors: int) -> dict:
    count = int(bounds[-1][1])
    quantiles = {f"p{percent}_ms": _milliseconds(_quantile(percent / 100, bounds)) for percent in (50, 95, 99)}
    return {"count": count, "errors": errors, "mean_ms": _milliseconds(seconds / count if count else 0)} | quantiles


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _quantile(share: float, bounds: list[tuple[float, float]]) -> float:
    """Seconds below which `share` of the requests stayed, from (upper bound, how many up to it) in order."""
    rank = share * bounds[-1][1]
    lower, below = 0.0, 0.0
    for upper, count in bounds:
        if count >= rank and count > below:
            return lower if upper == float("inf") else lower + (upper - lower) * (rank - below) / (count - below)
        lower, below = upper, count
    return lower


def init_app(app: Flask, pool_status: Callable[[], dict[str, int]]) -> None:
    """Keep telling the other workers the state of the application's pool."""

    def tell() -> None:
        with app.app_context():
            note_pool(pool_status())

    tell()
    green.repeat(POOL_SECONDS, tell)
