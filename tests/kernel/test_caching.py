"""The cache as others use it, on a real Redis and without one."""

import functools
import pickle
import signal
import time
from dataclasses import replace

import psutil
import pytest
import redis

from ofektom.app import create_app
from ofektom.caching import CacheKeys, cache, cached, get_cache, redis_info
from ofektom.config import ConfigurationError
from ofektom.redis_cache import FAILURES_TO_OPEN, OPEN_SECONDS, PATIENCE_SECONDS, Json
from tests.concurrency.race import race
from tests.conf.processes import free_port, redis_server, wait_for


@pytest.fixture
def context(context):
    """With an empty cache."""
    get_cache().flush_db()


class Own:
    """A Redis of a test's own, to be frozen and killed, and an application on it."""

    def __init__(self, settings, folder):
        self.folder, self.port = folder, free_port()
        self.settings = replace(settings, redis_url=f"redis://127.0.0.1:{self.port}/0")
        self.app = create_app(self.settings, testing=True)

    def server(self):
        return redis_server(self.port, self.folder)

    def process(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "pid").read_text()))


@pytest.fixture
def own(settings, tmp_path):
    return Own(settings, tmp_path)


def timed(act) -> tuple:
    began = time.monotonic()
    return act(), time.monotonic() - began


def test_what_is_set_is_got_until_it_is_deleted_or_its_time_is_up(context):
    cache = get_cache()
    assert cache.set("key", {"data": "value"}, ttl=300)
    assert cache.get("key") == {"data": "value"}
    assert cache.delete("key")
    assert cache.get("key") is None
    cache.set("short", 1, ttl=1)
    wait_for(lambda: cache.get("short") is None)


def test_lives_end(context, client):
    get_cache().set("five minutes", 1)
    get_cache().set("a minute", 1, ttl=60)
    assert 299 <= client.ttl("ofektom:five minutes") <= 300
    assert 59 <= client.ttl("ofektom:a minute") <= 60


@pytest.mark.parametrize("value", [0, 1.5, "", "text", True, [], [1, [2]], {}, {"a": None}, "ünï\u2028"])
def test_json_comes_back_as_it_went(context, value):
    get_cache().set("value", value)
    assert get_cache().get("value") == value


def test_what_json_cannot_say_is_refused(context):
    with pytest.raises(TypeError):
        get_cache().set("value", object())


def test_clearing_takes_our_keys_that_match_and_no_others(context, client):
    for key in ("settings:1", "settings:2", "business:1:a", "business:1:b", "business:2:a"):
        get_cache().set(key, 1)
    client.set("somebody else's", "1")
    assert get_cache().clear_pattern("settings:*") == 2
    assert get_cache().clear_pattern(f"business:{1}:*") == 2
    assert get_cache().get("business:2:a") == 1
    assert get_cache().flush_db() == 1
    assert client.get("somebody else's") == b"1"


def test_clearing_never_asks_for_all_keys(context, client):
    client.config_resetstat()
    get_cache().set("settings:1", 1)
    get_cache().clear_pattern("settings:*")
    get_cache().cache.clear()
    assert not {"cmdstat_keys", "cmdstat_flushdb", "cmdstat_flushall"} & client.info("commandstats").keys()


def test_keys_have_names():
    assert CacheKeys.format(CacheKeys.USER, user_id=123) == "user:{123}"
    assert CacheKeys.format(CacheKeys.SETTINGS, business_id=7) == "settings:7"
    with pytest.raises(KeyError):
        CacheKeys.format(CacheKeys.SETTINGS, user_id=7)


def test_a_decorated_function_runs_once_for_the_same_arguments(context):
    calls = []

    @cached(ttl=60, key_prefix="user")
    def find(number, *, twice=False):
        """Find it."""
        calls.append(number)
        return (number * 2 if twice else number, None)

    assert [find(1), find(1), find(2), find(1, twice=True)] == [[1, None], [1, None], [2, None], [2, None]]
    assert calls == [1, 2, 1]
    assert find("1") == ["1", None]
    assert find.__doc__ == "Find it."
    assert get_cache().clear_pattern("user:*") == 4


def test_none_is_remembered_too(context):
    calls = []
    nothing = cached(ttl=60, key_prefix="nothing")(functools.partial(calls.append, 1).__call__)
    assert [nothing(), nothing()] == [None, None]
    assert calls == [1]


def test_a_result_that_is_no_json_is_returned_and_not_kept(context, caplog):
    result = object()
    strange = cached(ttl=60, key_prefix="strange")(lambda: result)
    assert strange() is result
    assert "cannot be cached: object" in caplog.text


def test_a_crowd_that_misses_asks_once(app, context):
    calls = []

    @cached(ttl=60, key_prefix="slow")
    def slow():
        calls.append(1)
        time.sleep(0.2)
        return 7

    def ask(_):
        with app.app_context():
            return slow()

    assert race([ask] * 50) == [[7] * 50]
    assert len(calls) == 1


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle from Redis was run",))


def poisons() -> dict[str, bytes]:
    """Twenty values that somebody else may have left under a key of ours."""
    true = Json().dumps({"is_super_admin": True})
    return {
        "pickle": pickle.dumps(Bomb()),
        "cachelib's pickle": b"!" + pickle.dumps(Bomb()),
        "json": true,
        "json behind a made-up seal": b"x" * 16 + true,
        "empty": b"",
        "a byte": b"\0",
        "a short seal": b"x" * 15,
        "a seal of nothing": b"x" * 16,
        "text": b"hello",
        "not utf-8": b"\xff\xfe\xfd" * 10,
        "a number": b"42",
        "null": b"null",
        "true": b"true",
        "a list": b"[1,2,3]",
        "deep": b"[" * 100_000,
        "huge number": b"9" * 10_000,
        "nan": b"NaN",
        "a megabyte": b"A" * 1_000_000,
        "html": b"<html><body>503</body></html>",
        "zeros": b"\0" * 64,
    }


@pytest.mark.parametrize("name", poisons())
def test_a_planted_value_is_a_miss(context, client, name):
    client.set("ofektom:key", poisons()[name])
    assert get_cache().get("key") is None
    assert get_cache().cache.get_many("key", "other") == [None, None]


def test_an_entry_moved_to_another_key_is_a_miss(context, client):
    get_cache().set("user:{1}", {"name": "Ada"})
    client.copy("ofektom:user:{1}", "ofektom:user:{2}")
    assert get_cache().get("user:{1}") == {"name": "Ada"}
    assert get_cache().get("user:{2}") is None


@pytest.mark.parametrize(
    "make", [lambda c, k: c.lpush(k, 1), lambda c, k: c.sadd(k, 1), lambda c, k: c.hset(k, "a", 1)]
)
def test_a_value_of_another_type_is_a_miss_and_can_be_overwritten(context, client, make):
    make(client, "ofektom:key")
    assert get_cache().get("key") is None
    assert get_cache().set("key", 1)
    assert get_cache().get("key") == 1


def test_entries_of_a_service_with_another_secret_are_misses(settings, context):
    get_cache().set("key", 1)
    with create_app(replace(settings, secret_key=settings.secret_key[::-1]), testing=True).app_context():
        assert get_cache().get("key") is None


def test_only_json_is_ever_read(settings, monkeypatch):
    monkeypatch.setattr("ofektom.redis_cache.Json", object)
    with pytest.raises(ConfigurationError, match="JSON"):
        create_app(settings, testing=True)


def test_without_a_redis_nothing_is_kept_anywhere(settings):
    with create_app(replace(settings, redis_url=""), testing=True).app_context():
        assert not get_cache().set("key", 1)
        assert get_cache().get("key") is None
        assert (get_cache().flush_db(), redis_info()["state"]) == (0, "not configured")


def test_a_redis_that_is_not_there_costs_little_and_comes_back_by_itself(own):
    with own.app.app_context():
        answers = [timed(lambda: get_cache().get("key")) for _ in range(50)]
        assert {answer for answer, _ in answers} == {None}
        assert sum(seconds for _, seconds in answers) < 0.5
        assert cache.cache.servers_left_alone == 1
        assert not get_cache().set("key", 1)
        assert redis_info()["state"] == "unreachable"
        with own.server():
            wait_for(lambda: get_cache().set("key", 1))
            assert get_cache().get("key") == 1
            assert redis_info()["state"] == "connected"


def test_a_frozen_redis_costs_50_ms_a_few_times(own):
    with own.app.app_context(), own.server():
        get_cache().set("key", 1)
        own.process().send_signal(signal.SIGSTOP)
        try:
            answers = [timed(lambda: get_cache().get("key")) for _ in range(100)]
        finally:
            own.process().send_signal(signal.SIGCONT)
        assert {answer for answer, _ in answers} == {None}
        assert max(seconds for _, seconds in answers) < 2 * PATIENCE_SECONDS
        assert sum(seconds > PATIENCE_SECONDS / 2 for _, seconds in answers) <= FAILURES_TO_OPEN + 1
        _, seconds = timed(lambda: wait_for(lambda: get_cache().get("key") == 1))
        assert seconds < OPEN_SECONDS + 0.5


def test_a_redis_that_refuses_to_write_still_reads(own):
    with own.app.app_context(), own.server():
        get_cache().set("key", 1)
        client = redis.Redis(port=own.port)
        client.config_set("maxmemory", 1)
        assert not get_cache().set("other", 1)
        assert get_cache().get("key") == 1


def test_fifty_connections_are_enough_for_a_crowd(own):
    def ask(_):
        with own.app.app_context():
            return get_cache().get("key")

    with own.server():
        with own.app.app_context():
            get_cache().set("key", 1)
        # The first crowd may find the door narrow: fifty connections are opened at once.
        wait_for(lambda: race([ask] * 100) == [[1] * 100])
        assert redis.Redis(port=own.port).info("clients")["connected_clients"] <= 51
