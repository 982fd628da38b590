"""Redis as Flask-Caching's backend, made harmless: a Redis that fails, stalls or lies is a cache that misses.

No call of it raises. Values are JSON, sealed with a keyed hash of their own key, so that only what this service wrote
under that key is ever read back: not a pickle, not somebody else's entry, not a value planted in Redis.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping

import orjson
import redis
from cachelib.serializers import JSONSerializer
from flask import Flask
from flask_caching.backends.rediscache import RedisCache
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from ofektom import metrics

log = logging.getLogger(__name__)

CONNECTIONS = 50  # of each process
PATIENCE_SECONDS = 0.05  # for a connection, for a place in the pool, for an answer
FAILURES_TO_OPEN = 3
OPEN_SECONDS = 1.0
SEAL_BYTES = 16
SCANNED_AT_ONCE = 500
DELETE_UNCHANGED = """
    local deleted = 0
    for i, key in ipairs(KEYS) do
        if redis.call('GET', key) == ARGV[i] then deleted = deleted + redis.call('DEL', key) end
    end
    return deleted
"""


class Json(JSONSerializer):
    """cachelib's JSON serializer on orjson. Raises TypeError for what JSON cannot say, instead of storing null."""

    def dumps(self, value, *args, **kwargs) -> bytes:
        return orjson.dumps(value)

    def loads(self, value: bytes, *args, **kwargs):
        return orjson.loads(value)


class Breaker:
    """Stops asking a server that does not answer: after three failures in a row, but for one question a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES_TO_OPEN

    def lets_pass(self) -> bool:
        """Whether to ask; while open, one caller a second may."""
        if not self.is_open:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + OPEN_SECONDS
            return True

    def succeeded(self) -> None:
        if self._failures:
            if self.is_open:
                log.warning("redis answers again")
                metrics.breaker(open=False)
            self._failures = 0

    def failed(self, error: Exception) -> None:
        metrics.cache_failed()
        was_open = self.is_open
        self._failures += 1
        if self.is_open and not was_open:
            self._next_try = time.monotonic() + OPEN_SECONDS
            metrics.breaker(open=True)
            log.warning("redis does not answer (%s); asked once a second from now on", type(error).__name__)


class GuardedRedisCache(RedisCache):
    """Flask-Caching's Redis backend behind a breaker, with sealed values. Failing reads miss, failing writes say so."""

    def __init__(self, client, *, secret: str, key_prefix: str, default_timeout: int):
        super().__init__(host=client, key_prefix=key_prefix, default_timeout=default_timeout)
        self.serializer = Json()
        self.breaker = Breaker()
        self._secret = hashlib.sha256(b"cache seal" + secret.encode()).digest()

    @classmethod
    def factory(cls, app: Flask, config: dict, args: list, kwargs: dict) -> "GuardedRedisCache":
        prefix, timeout = config["CACHE_KEY_PREFIX"], kwargs["default_timeout"]
        return cls(connect(config), secret=config["SECRET_KEY"], key_prefix=prefix, default_timeout=timeout)

    def _ask(self, command: Callable, otherwise):
        """`command(client)`, or `otherwise` when Redis cannot be asked."""
        if not self.breaker.lets_pass():
            return otherwise
        try:
            answer = command(self._write_client)
        except redis.ResponseError:  # of another type, out of memory, not allowed: an answer all the same
            self.breaker.succeeded()
            return otherwise
        except (redis.RedisError, OSError) as error:
            self.breaker.failed(error)
            return otherwise
        self.breaker.succeeded()
        return answer

    def _seal(self, key: str, text: bytes) -> bytes:
        return hashlib.blake2b(key.encode() + b"\0" + text, key=self._secret, digest_size=SEAL_BYTES).digest()

    def _pack(self, key: str, value) -> bytes:
        text = self.serializer.dumps(value)
        return self._seal(key, text) + text

    def _opened(self, key: str, stored: bytes | None):
        """The value behind its seal; None for nothing, and for what this service did not write under this key."""
        is_ours = bool(stored) and stored[:SEAL_BYTES] == self._seal(key, stored[SEAL_BYTES:])
        metrics.cache_looked_up("redis", is_ours)
        return self.serializer.loads(stored[SEAL_BYTES:]) if is_ours else None

    def _name(self, key: str) -> str:
        return f"{self.key_prefix}{key}"

    def _life(self, timeout: int | None) -> int | None:
        life = self._normalize_timeout(timeout)
        return None if life == -1 else life

    def get(self, key: str):
        return self._opened(key, self._ask(lambda client: client.get(self._name(key)), None))

    def get_many(self, *keys: str) -> list:
        names = [self._name(key) for key in keys]
        found = self._ask(lambda client: client.mget(names), None) or [None] * len(keys)
        return [self._opened(key, stored) for key, stored in zip(keys, found, strict=True)]

    def has(self, key: str) -> bool:
        return self.get(key) is not None

    def set(self, key: str, value, timeout: int | None = None) -> bool:
        packed = self._pack(key, value)
        return bool(self._ask(lambda client: client.set(self._name(key), packed, ex=self._life(timeout)), False))

    def add(self, key: str, value, timeout: int | None = None) -> bool:
        """Set unless the key exists."""
        packed, life = self._pack(key, value), self._life(timeout)
        return bool(self._ask(lambda client: client.set(self._name(key), packed, ex=life, nx=True), False))

    def set_many(self, mapping: Mapping, timeout: int | None = None, *, nx: bool = False) -> list[str]:
        """Set several keys in one round trip, with `nx` only those that do not exist; returns those that were set."""
        life = self._life(timeout)

        def send(client):
            pipe = client.pipeline(transaction=False)
            for key, value in mapping.items():
                pipe.set(self._name(key), self._pack(key, value), ex=life, nx=nx)
            return pipe.execute()

        done = self._ask(send, None) or [None] * len(mapping)
        return [key for key, was_set in zip(mapping, done, strict=True) if was_set]

    def delete(self, key: str) -> bool:
        return bool(self._ask(lambda client: client.delete(self._name(key)), False))

    def delete_many(self, *keys: str) -> list[str]:
        names = [self._name(key) for key in keys]
        return list(keys) if self._ask(lambda client: client.delete(*names), None) is not None else []

    def delete_unchanged(self, mapping: Mapping) -> int:
        """Delete the keys that still have the values that were read from them; returns how many."""
        names = [self._name(key) for key in mapping]
        packed = [self._pack(key, value) for key, value in mapping.items()]
        return self._ask(lambda client: client.eval(DELETE_UNCHANGED, len(names), *names, *packed), 0)

    def clear(self) -> bool:
        """Delete every key of this service, and no other."""
        return self.clear_pattern("*") > 0

    def clear_pattern(self, pattern: str) -> int:
        """Delete our keys that match the glob `pattern`, by SCAN; returns how many."""

        def sweep(client) -> int:
            found = list(client.scan_iter(match=self._name(pattern), count=SCANNED_AT_ONCE))
            batches = (found[at : at + SCANNED_AT_ONCE] for at in range(0, len(found), SCANNED_AT_ONCE))
            return sum(client.unlink(*batch) for batch in batches)

        return self._ask(sweep, 0)

    def info(self) -> dict:
        """Redis' own figures (INFO); empty when it cannot be asked."""
        return self._ask(lambda client: client.info(), {})


def connect(config: Mapping) -> redis.Redis | RedisCluster:
    """A client for REDIS_CLUSTER, REDIS_SENTINELS or REDIS_URL: 50 connections, 50 ms of patience, no retries.

    It connects when it is first used. Reads go to the master: a replica may lag behind a deletion.
    """
    patience = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS, "protocol": 2}
    patience |= {"retry": Retry(NoBackoff(), 0)}
    password = {"password": config["REDIS_PASSWORD"] or None}
    if config["REDIS_CLUSTER"]:
        nodes = [ClusterNode(host, port) for host, port in config["REDIS_CLUSTER"]]
        return RedisCluster(startup_nodes=nodes, max_connections=CONNECTIONS, **patience, **password)
    if config["REDIS_SENTINELS"]:
        guards = Sentinel(config["REDIS_SENTINELS"], sentinel_kwargs=patience, **patience, **password)
        return guards.master_for(config["REDIS_SENTINEL_MASTER"], max_connections=CONNECTIONS)
    pool = redis.BlockingConnectionPool.from_url(
        config["REDIS_URL"], max_connections=CONNECTIONS, timeout=PATIENCE_SECONDS, driver_info=None, **patience
    )
    return redis.Redis(connection_pool=pool)
