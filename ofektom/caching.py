"""The cache that others use: `get_cache()`, `@cached`, `CacheKeys`. Redis through Flask-Caching, or no cache at all.

There is never a store per process behind it: what one worker forgets, all have forgotten. Facts that decide what
somebody may see or do are kept with more care, by `facts.py`.
"""

import functools
import hashlib
import logging
from collections.abc import Callable

import flask_caching
import orjson
from cachelib.serializers import JSONSerializer
from flask import Flask

from ofektom.config import ConfigurationError, Settings
from ofektom.flights import Flights
from ofektom.metrics import hit_rate
from ofektom.redis_cache import GuardedRedisCache

log = logging.getLogger(__name__)

DEFAULT_TTL_SECONDS = 300
LONGEST_READABLE_KEY = 200
REDIS_COUNTS = ("connected_clients", "used_memory_human", "keyspace_hits", "keyspace_misses")


class CacheKeys:
    """The names of what is cached, as patterns. What is one user's lies on one node of a Redis Cluster: `{7}`."""

    SESSION = "session:{{{user_id}}}:{session_id}"
    USER = "user:{{{user_id}}}"
    USER_BUSINESSES = "businesses:{{{user_id}}}"
    BUSINESS = "business:{business_id}"
    SETTINGS = "settings:{business_id}"
    HOLIDAYS = "holidays:{business_id}"

    @staticmethod
    def format(pattern: str, **ids) -> str:
        """The key: `CacheKeys.format(CacheKeys.USER, user_id=7)`. Raises KeyError when an id is missing."""
        return pattern.format(**ids)


class Cache(flask_caching.Cache):
    """Flask-Caching with lives in seconds called `ttl`, and clearing that asks Redis nothing slow."""

    def set(self, key: str, value, ttl: int | None = None) -> bool:
        """Keep JSON-able `value` for `ttl` seconds (default 300). Raises TypeError for what JSON cannot say."""
        return self.is_backed and self.cache.set(key, value, timeout=ttl)

    def set_many(self, values: dict, ttl: int | None = None, *, new_only: bool = False) -> list[str]:
        """Keep several values in one round trip, or only those whose keys are `new_only`; returns the keys kept."""
        return self.cache.set_many(values, timeout=ttl, nx=new_only) if self.is_backed else []

    def delete_unchanged(self, values: dict) -> int:
        """Forget the keys that still have these values, in one step; returns how many."""
        return self.cache.delete_unchanged(values) if self.is_backed else 0

    def clear_pattern(self, pattern: str) -> int:
        """Forget the keys that match a glob such as "settings:*"; returns how many."""
        return self.cache.clear_pattern(pattern) if self.is_backed else 0

    def flush_db(self) -> int:
        """Forget everything of this service, and nothing else that lives in the same Redis."""
        return self.clear_pattern("*")

    @property
    def is_backed(self) -> bool:
        """Whether there is a Redis behind it."""
        return isinstance(self.cache, GuardedRedisCache)


cache = Cache()
_flights = Flights()


def get_cache() -> Cache:
    """The cache of this application: `get`, `set`, `delete`, `clear_pattern`, `flush_db`. No call of it fails."""
    return cache


def cached(ttl: int = DEFAULT_TTL_SECONDS, key_prefix: str = "") -> Callable:
    """Remember what a function returns, by its arguments, for `ttl` seconds.

    The result is what JSON makes of it, on the first call too. What JSON cannot say is returned and not remembered.
    Arguments must be JSON-able; TypeError otherwise.
    """

    def decorate(function: Callable) -> Callable:
        name = f"{key_prefix or function.__module__}:{function.__qualname__}"

        @functools.wraps(function)
        def recall(*args, **kwargs):
            key = _key(name, args, kwargs)
            match cache.get(key):
                case [known]:
                    return known
            return _flights.share(key, lambda: _keep(name, key, ttl, function(*args, **kwargs)))

        return recall

    return decorate


def _keep(name: str, key: str, ttl: int, result):
    """Keep a result in a list, for None is what the cache answers when it knows nothing."""
    try:
        plain = orjson.loads(orjson.dumps([result]))
    except orjson.JSONEncodeError:
        log.warning("%s returns what cannot be cached: %s", name, type(result).__name__)
        return result
    cache.set(key, plain, ttl=ttl)
    return plain[0]


def _key(name: str, args: tuple, kwargs: dict) -> str:
    arguments = orjson.dumps([args, kwargs] if kwargs else args, option=orjson.OPT_SORT_KEYS).decode()
    return bounded_key(name, arguments)


def bounded_key(name: str, rest: str) -> str:
    """`name:rest`, readable while it is short, with a digest in place of a long rest."""
    key = f"{name}:{rest}"
    return key if len(key) <= LONGEST_READABLE_KEY else f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"


def redis_info() -> dict:
    """The `state` of Redis ("connected", "unreachable", "not configured") and its own counts, None where unknown."""
    info = cache.cache.info() if cache.is_backed else {}
    state = "connected" if info else "unreachable" if cache.is_backed else "not configured"
    rate = hit_rate(info["keyspace_hits"], info["keyspace_misses"]) if info else None
    return {"state": state} | {name: info.get(name) for name in REDIS_COUNTS} | {"hit_rate": rate}


def init_app(app: Flask, settings: Settings) -> None:
    """Bind the cache. Raises ConfigurationError should anything but JSON ever be read from it."""
    app.config["CACHE_KEY_PREFIX"] = settings.cache_prefix
    app.config["CACHE_DEFAULT_TIMEOUT"] = DEFAULT_TTL_SECONDS
    app.config["CACHE_NO_NULL_WARNING"] = True
    if settings.has_redis:
        app.config["CACHE_TYPE"] = "ofektom.redis_cache.GuardedRedisCache"
    cache.init_app(app)
    with app.app_context():
        if cache.is_backed and not isinstance(cache.cache.serializer, JSONSerializer):
            raise ConfigurationError("the cache must be JSON: reading a pickle from Redis runs whatever is in it")
