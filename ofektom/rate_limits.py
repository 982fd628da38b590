"""How often one address may call a view that declares `rate="SETTING"`: counted in Redis, for all instances together.

While Redis does not answer each worker counts for itself, so an address may for that time do as often as there are
workers what it may do once: a limit all the same. What guards a secret is its guess budget in PostgreSQL
(`credentials.py`); this keeps one address from spending the budgets of many.

The engine is `limits`, which is Flask-Limiter's own, without Flask-Limiter's three hooks on every request.
"""

import functools
import ipaddress
import math
import time
from functools import cached_property

from flask import Flask, current_app
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from ofektom import http
from ofektom.caching import get_cache
from ofektom.errors import Problem

# What one customer of an Internet provider is given at least (RFC 6177).
IPV6_CUSTOMER_BITS = 64


class RateExceeded(Problem):
    code, status, title = "request.too_many", 429, "Too many requests; slow down"
    retry_after = 60


class NotCounted(Exception):
    """Redis does not answer."""


class CacheStorage(Storage):
    """Counts behind the cache's breaker. Raises NotCounted while Redis does not answer, or none is configured."""

    STORAGE_SCHEME = None
    base_exceptions = NotCounted

    def _asked(self, name: str, *arguments) -> int:
        cache = get_cache()
        answer = getattr(cache.cache, name)(*arguments) if cache.is_backed else None
        if answer is None:
            raise NotCounted
        return answer

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._asked("count", key, expiry, amount)

    def get(self, key: str) -> int:
        return self._asked("count", key, 0, 0)

    def get_expiry(self, key: str) -> float:
        return time.time() + self._asked("seconds_left", key)

    def check(self) -> bool:
        return bool(get_cache().is_backed)

    def clear(self, key: str) -> None:
        get_cache().delete(key)

    def reset(self) -> int:
        return get_cache().clear_pattern("LIMITER/*")


class RateLimits:
    """The counters of one application."""

    def __init__(self) -> None:
        self._shared = FixedWindowRateLimiter(CacheStorage())

    @cached_property
    def _own(self) -> FixedWindowRateLimiter:
        return FixedWindowRateLimiter(MemoryStorage())

    def spend(self, rate: RateLimitItem, *whose: str) -> None:
        """Count a call. Raises RateExceeded, with the seconds until there is a new window."""
        try:
            self._spend(self._shared, rate, *whose)
        except NotCounted:
            self._spend(self._own, rate, *whose)

    @staticmethod
    def _spend(counter: FixedWindowRateLimiter, rate: RateLimitItem, *whose: str) -> None:
        if not counter.hit(rate, *whose):
            ends = counter.storage.get_expiry(rate.key_for(*whose))
            raise RateExceeded(retry_after=max(1, math.ceil(ends - time.time())))


def init_app(app: Flask) -> None:
    """Have the application count."""
    app.extensions["rate_limits"] = RateLimits()


def spend(setting: str) -> None:
    """Count this request against the rate that `setting` says, if it says one. Raises RateExceeded.

    Callers on this machine are not limited: they are its own, or those of a proxy that PROXY_HOPS does not count,
    which would all share one address.
    """
    rate, address = current_app.config[setting], http.caller_address()
    if not rate or (address and address.is_loopback):
        return
    if address and address.version == 6:
        address = ipaddress.ip_network((address, IPV6_CUSTOMER_BITS), strict=False)
    current_app.extensions["rate_limits"].spend(parsed(rate), setting, str(address))


parsed = functools.cache(parse)
