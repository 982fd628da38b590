"""Redis as Flask-Caching's backend, made harmless: a Redis that fails, stalls or lies is a cache that misses.

No call of it raises. Values are JSON, sealed with a keyed hash of their own key, so that only what this service wrote
under that key is ever read back: not a pickle, not somebody else's entry, not a value planted in Redis.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta

import orjson
import redis
from cachelib.serializers import JSONSerializer
from flask import Flask
from flask_caching.backends.base import BaseCache

from ofektom import metrics
from ofektom.redis_servers import (
    FAILURES_TO_OPEN,
    OPEN_SECONDS,
    PATIENCE_SECONDS,
    Cluster,
    Server,
    Single,
    connect,
    is_answer,
)

__all__ = ["FAILURES_TO_OPEN", "OPEN_SECONDS", "PATIENCE_SECONDS", "GuardedRedisCache", "Json"]

SEAL_BYTES = 16
SCANNED_AT_ONCE = 500
LONGEST_LIFE_SECONDS = 366 * 86_400
SUMMED = ("connected_clients", "used_memory", "keyspace_hits", "keyspace_misses")
COUNT = """
    local count = redis.call('INCRBY', KEYS[1], ARGV[2])
    if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
    return count
"""
DELETE_UNCHANGED = """
    local deleted = 0
    for i, key in ipairs(KEYS) do
        if redis.call('GET', key) == ARGV[i] then deleted = deleted + redis.call('DEL', key) end
    end
    return deleted
"""


class Json(JSONSerializer):
    """cachelib's JSON serializer on orjson. Raises TypeError for what JSON cannot say, instead of storing null.

    But for a float that is no number: to orjson that is null.
    """

    def dumps(self, value, *args, **kwargs) -> bytes:
        return orjson.dumps(value)

    def loads(self, value: bytes, *args, **kwargs):
        return orjson.loads(value)


class GuardedRedisCache(BaseCache):
    """Flask-Caching's backend on guarded Redis servers, with sealed values. Failing reads miss, failing writes say so.

    A key is text; what is no text is taken as `str` writes it. Lives are seconds, of any fraction, or a timedelta.
    """

    def __init__(self, servers: Single | Cluster, *, secret: str, key_prefix: str, default_timeout: int):
        super().__init__(default_timeout=default_timeout, ignore_delete_many_errors=True)
        self.serializer = Json()
        self.key_prefix = key_prefix
        self._servers = servers
        self._secret = hashlib.sha256(b"cache seal" + secret.encode()).digest()

    @classmethod
    def factory(cls, app: Flask, config: dict, args: list, kwargs: dict) -> "GuardedRedisCache":
        prefix, timeout = config["CACHE_KEY_PREFIX"], kwargs["default_timeout"]
        return cls(connect(config), secret=config["SECRET_KEY"], key_prefix=prefix, default_timeout=timeout)

    @property
    def servers_left_alone(self) -> int:
        """How many servers this process does not ask at the moment, because they do not answer."""
        return sum(server.breaker.is_open for server in self._servers.known())

    def _seal(self, key: bytes, text: bytes) -> bytes:
        return hashlib.blake2b(key + b"\0" + text, key=self._secret, digest_size=SEAL_BYTES).digest()

    def _pack(self, key: str, value) -> bytes:
        text = self.serializer.dumps(value)
        return self._seal(_encoded(key), text) + text

    def _opened(self, key: str, stored: bytes | None):
        """The value behind its seal; None for nothing, and for what this service did not write under this key."""
        is_sealed = isinstance(stored, bytes) and len(stored) > SEAL_BYTES
        is_ours = is_sealed and stored[:SEAL_BYTES] == self._seal(_encoded(key), stored[SEAL_BYTES:])
        metrics.cache_looked_up("redis", is_ours)
        return self.serializer.loads(stored[SEAL_BYTES:]) if is_ours else None

    def _name(self, key: str) -> bytes:
        return _encoded(self.key_prefix) + _encoded(key)

    def _life(self, timeout: float | timedelta | None) -> int:
        """In milliseconds. Zero for a value that is not to live: with Flask-Caching's own backend it would for ever."""
        life = self.default_timeout if timeout is None else timeout
        seconds = life.total_seconds() if isinstance(life, timedelta) else life
        return max(1, int(min(seconds, LONGEST_LIFE_SECONDS) * 1000)) if seconds > 0 else 0

    def get(self, key: str):
        [stored] = self._servers.send([("GET", self._name(key))])
        return self._opened(key, stored)

    def get_many(self, *keys: str) -> list:
        groups = self._servers.askable_together([self._name(key) for key in keys])
        found: dict[bytes, bytes | None] = {}
        for group, stored in zip(groups, self._servers.send([("MGET", *group) for group in groups]), strict=True):
            if isinstance(stored, list):
                found.update(zip(group, stored, strict=False))
        return [self._opened(key, found.get(self._name(key))) for key in keys]

    def has(self, key: str) -> bool:
        return self.get(key) is not None

    def set(self, key: str, value, timeout: float | timedelta | None = None) -> bool:
        return bool(self.set_many({key: value}, timeout))

    def add(self, key: str, value, timeout: float | timedelta | None = None) -> bool:
        """Set unless the key exists."""
        return bool(self.set_many({key: value}, timeout, nx=True))

    def set_many(self, mapping: Mapping, timeout: float | timedelta | None = None, *, nx: bool = False) -> list[str]:
        """Set several keys in one round trip, with `nx` only those that do not exist; returns those that were set."""
        packed = {key: self._pack(key, value) for key, value in mapping.items()}
        life = self._life(timeout)
        if not life:
            if not nx:
                self.delete_many(*packed)
            return []
        how = ("PX", life, *(["NX"] if nx else []))
        done = self._servers.send([("SET", self._name(key), value, *how) for key, value in packed.items()])
        return [key for key, answer in zip(packed, done, strict=True) if is_answer(answer) and answer]

    def delete(self, key: str) -> bool:
        """Whether it was there, and is no more."""
        [count] = self._servers.send([("DEL", self._name(key))])
        return is_answer(count) and bool(count)

    def delete_many(self, *keys: str) -> list[str]:
        """Returns those that are there no more."""
        groups = self._servers.askable_together([self._name(key) for key in keys])
        answers = self._servers.send([("DEL", *group) for group in groups])
        gone = {name for group, answer in zip(groups, answers, strict=True) if is_answer(answer) for name in group}
        return [key for key in keys if self._name(key) in gone]

    def unlink(self, *keys: str) -> list[str]:
        """`delete_many`, for Flask-Caching has a method of this name."""
        return self.delete_many(*keys)

    def delete_unchanged(self, mapping: Mapping) -> int:
        """Delete the keys that still have the values that were read from them; returns how many."""
        packed = {self._name(key): self._pack(key, value) for key, value in mapping.items()}
        groups = self._servers.askable_together(list(packed))
        scripts = [("EVAL", DELETE_UNCHANGED, len(group), *group, *map(packed.get, group)) for group in groups]
        return sum(count for count in self._servers.send(scripts) if is_answer(count))

    def count(self, key: str, seconds: int, amount: int) -> int | None:
        """Add to a count that begins anew `seconds` after it began; None when Redis cannot say what it is now."""
        [count] = self._servers.send([("EVAL", COUNT, 1, self._name(key), seconds * 1000, amount)])
        return count if is_answer(count) else None

    def seconds_left(self, key: str) -> float | None:
        """How long a key has to live; None when Redis cannot say."""
        [left] = self._servers.send([("PTTL", self._name(key))])
        return left / 1000 if is_answer(left) else None

    def clear(self) -> bool:
        """Delete every key of this service, and no other."""
        return self.clear_pattern("*") > 0

    def clear_pattern(self, pattern: str) -> int:
        """Delete our keys that match the glob `pattern`, by SCAN; returns how many."""
        # A star in the prefix is no glob: it would match what is not ours.
        glob = re.sub(rb"[*?\[\]\\]", rb"\\\g<0>", _encoded(self.key_prefix)) + _encoded(pattern)
        deleted = 0
        for server in self._servers.all():
            found = server.ask(lambda client: list(client.scan_iter(match=glob, count=SCANNED_AT_ONCE)), [])
            for start in range(0, len(found), SCANNED_AT_ONCE):
                groups = self._servers.askable_together(found[start : start + SCANNED_AT_ONCE])
                counts = self._servers.send([("UNLINK", *group) for group in groups])
                deleted += sum(count for count in counts if is_answer(count))
        return deleted

    def info(self) -> dict:
        """Redis' own figures (INFO), those of all servers together; empty when one of them cannot be asked."""
        each = [_figures(server) for server in self._servers.all()]
        if not each or None in each:
            return {}
        sums = {name: sum(figures[name] for figures in each) for name in SUMMED}
        return sums | {"used_memory_human": _human(sums["used_memory"])}


def _figures(server: Server) -> dict[str, int] | None:
    """What a server counts. One answer that comes late is no outage: it is asked until its breaker opens."""
    for _ in range(FAILURES_TO_OPEN):
        figures = server.ask(_counts, None)
        if figures or server.breaker.is_open:
            break
    return figures


def _counts(client: redis.Redis) -> dict[str, int]:
    info = client.info()
    return {name: int(info[name]) for name in SUMMED}


def _human(size: int) -> str:
    """Bytes as Redis writes them: 15.20M."""
    power = min(3, max(1, (size.bit_length() - 1) // 10))
    return f"{size / 1024**power:.2f}{' KMG'[power]}"


def _encoded(key: str) -> bytes:
    """A key's bytes, also those of text that is no Unicode: half a character cut from a client's JSON, say."""
    return str(key).encode("utf-8", "surrogatepass")
