"""The cache's backend against odd lives, odd keys, and a Redis that lies."""

import math
import socketserver
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from ofektom.app import create_app
from ofektom.caching import cached, get_cache, redis_info
from ofektom.redis_servers import FAILURES_TO_OPEN, PATIENCE_SECONDS, Breaker
from tests.concurrency.race import race


@pytest.fixture
def context(context):
    """With an empty cache."""
    get_cache().flush_db()


@pytest.mark.parametrize(
    ("ttl", "least", "most"),
    [
        (None, 299_000, 300_000),
        (60, 59_000, 60_000),
        (1.5, 1_000, 1_500),
        (0.25, 1, 250),
        (timedelta(minutes=1), 59_000, 60_000),
        (math.inf, 3e10, 3.2e10),
        (10**30, 3e10, 3.2e10),
    ],
)
def test_a_value_lives_as_long_as_is_said(context, client, ttl, least, most):
    assert get_cache().set("key", 1, ttl=ttl)
    assert get_cache().set_many({"another": 1}, ttl=ttl) == ["another"]
    assert least <= client.pttl("ofektom:key") <= most
    assert least <= client.pttl("ofektom:another") <= most


@pytest.mark.parametrize("ttl", [0, -1, -0.5, math.nan, -math.inf, timedelta(0)])
def test_a_value_without_a_life_is_not_kept_and_replaces_what_was(context, ttl):
    get_cache().set("key", "old")
    assert not get_cache().set("key", "new", ttl=ttl)
    assert get_cache().get("key") is None
    get_cache().set("key", "old")
    assert get_cache().set_many({"key": "new"}, ttl=ttl, new_only=True) == []
    assert get_cache().get("key") == "old"


def test_a_strange_life_is_no_failure_of_redis(context):
    for _ in range(2 * FAILURES_TO_OPEN):
        get_cache().set("key", 1, ttl=0.1)
        get_cache().set("key", 1, ttl=-7)
    assert get_cache().set("key", 1)


KEYS = [
    7,
    None,
    ("a", 1),
    "",
    " ",
    "with spaces",
    "line\nbreak",
    "\0",
    "ünï",
    "\ud800",
    "{",
    "}{",
    "{}",
    "x" * 2000,
    b"k",
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_any_key_is_kept_apart_and_found_again(context, key):
    cache = get_cache()
    assert cache.set("another", "another")
    assert cache.set(key, [1])
    assert cache.get(key) == [1]
    assert cache.get_many("another", key) == ["another", [1]]
    assert cache.get_dict(key) == {key: [1]}
    assert not cache.add(key, 2)
    assert cache.has(key)
    assert cache.delete(key)
    assert cache.delete_many(key) == [key]
    assert cache.unlink(key, "another") == [key, "another"]
    assert cache.get_many(key, "another") == [None, None]


def test_long_arguments_of_a_decorated_function_make_a_short_key(context, client):
    echo = cached(ttl=60, key_prefix="echo")(lambda text: text)
    assert [echo("x" * 5000), echo("x" * 5000)] == ["x" * 5000] * 2
    assert [len(key) < 200 for key in client.scan_iter("ofektom:echo*")] == [True]


def test_nothing_asked_for_is_nothing_found(context):
    cache = get_cache()
    assert (cache.get_many(), cache.set_many({}), cache.delete_many()) == ([], [], [])
    assert cache.set("key", 1)


@pytest.mark.parametrize("prefix", ["of*:", "o?ektom:", "[of]ektom:", "of\\ektom:", "{ofektom}:", "ö:", " "])
def test_a_glob_in_the_prefix_matches_only_itself(settings, client, prefix):
    client.set("ofektom:somebody else's", 1)
    with create_app(replace(settings, cache_prefix=prefix), testing=True).app_context():
        get_cache().set_many({"settings:1": 1, "settings:2": 1, "users:1": 1})
        assert get_cache().clear_pattern("settings:*") == 2
        assert get_cache().flush_db() == 1
    assert client.delete("ofektom:somebody else's") == 1


LIES = {
    "a list": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "an empty list": b"*0\r\n",
    "nested lists": b"*1\r\n*1\r\n:1\r\n",
    "a number": b":7\r\n",
    "ok": b"+OK\r\n",
    "nothing": b"$-1\r\n",
    "text": b"$5\r\nhello\r\n",
    "an error": b"-ERR no\r\n",
    "an error without words": b"-\r\n",
    "moved": b"-MOVED 1 127.0.0.1:1\r\n",
    "moved nowhere": b"-MOVED x\r\n",
    "down": b"-CLUSTERDOWN The cluster is down\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "noise": bytes(range(256)),
    "a broken number": b":x\r\n",
    "a huge text": b"$99999999999999999999\r\n",
}


@contextmanager
def liar(answer: bytes):
    """A server that answers everything with `answer`; yields its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            while self.request.recv(65536):
                self.request.sendall(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """That callers hang up is what this is about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("kind", ["one", "sentinels", "cluster"])
@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_is_a_cache_that_misses(settings, lie, kind):
    with liar(LIES[lie]) as port:
        there = (("127.0.0.1", port),)
        wrong = {
            "one": {"redis_url": f"redis://127.0.0.1:{port}/0"},
            "sentinels": {"redis_url": "", "redis_sentinels": there},
            "cluster": {"redis_url": "", "redis_cluster": there},
        }
        with create_app(replace(settings, **wrong[kind]), testing=True).app_context():
            cache = get_cache()
            for _ in range(FAILURES_TO_OPEN + 1):
                assert cache.get("key") is None
                assert cache.get_many("key", "other", "third") == [None, None, None]
                assert cache.set("key", 1) in (True, False)
                assert cache.delete("key") in (True, False)
                assert len(cache.set_many({"key": 1, "other": 2})) in (0, 1, 2)
                assert len(cache.delete_many("key", "other")) in (0, 2)
                assert cache.flush_db() >= 0
                assert redis_info()["state"] in ("connected", "unreachable")


BUSY = """
    redis.call('SET', 'busy', 1)
    local function now() local time = redis.call('TIME'); return time[1] * 1000000 + time[2] end
    local ending = now() + tonumber(ARGV[1])
    while now() < ending do end
"""


def test_one_late_answer_is_no_outage(context, client):
    with ThreadPoolExecutor(1) as other:
        other.submit(client.eval, BUSY, 0, int(PATIENCE_SECONDS * 1.5 * 1e6))
        time.sleep(PATIENCE_SECONDS / 10)
        assert redis_info()["state"] == "connected"
    assert client.get("busy") == b"1"


def test_of_a_crowd_one_a_second_passes_an_open_breaker(caplog):
    told = []
    breaker = Breaker("redis", lambda: told.append(breaker.is_open))
    race([lambda _: breaker.failed(OSError())] * 50)
    assert told == [True]
    assert caplog.text.count("does not answer (OSError)") == 1
    [passed] = race([lambda _: breaker.lets_pass()] * 50)
    assert passed == [False] * 50
    breaker._next_try = 0
    [passed] = race([lambda _: breaker.lets_pass()] * 50)
    assert passed.count(True) == 1
    breaker.succeeded()
    breaker.succeeded()
    assert told == [True, False]


IN_A_GREEN_PROCESS = """
from gevent import monkey
monkey.patch_all()
import secrets
import sys
import gevent
from ofektom.app import create_app
from ofektom.caching import get_cache
from ofektom.config import load_settings

settings = load_settings({
    "environment": "test", "redis_url": sys.argv[1], "cache_prefix": "green:",
    "database_url": "postgresql://nobody@127.0.0.1:1/nothing",
    "secret_key": secrets.token_hex(), "pin_pepper": secrets.token_hex(),
})
app = create_app(settings)

def use(number):
    with app.app_context():
        kept = get_cache().set(str(number), number)
        assert get_cache().get(str(number)) in (number, None)
        return kept

crowd = [gevent.spawn(use, number) for number in range(300)]
gevent.joinall(crowd, raise_error=True)
with app.app_context():
    cache = get_cache()
    kept = sum(greenlet.value for greenlet in crowd)
    print(kept >= 50, cache.flush_db() == kept, cache.set("key", 1), cache.get("key"), cache.cache.servers_left_alone)
"""


def test_greenlets_that_come_all_at_once_connect_or_miss_and_break_nothing(redis_url):
    command = [sys.executable, "-c", IN_A_GREEN_PROCESS, redis_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["True True True 1 0"], done.stderr
