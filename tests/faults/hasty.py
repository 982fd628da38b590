"""Greenlets killed in mid-command, in a process of its own.

    python -m gevent.monkey --module tests.faults.hasty PORT KILLS

Between the cache and the Redis at PORT stands a proxy that holds each answer back for a moment, shorter than a socket
waits and longer than many a caller does. Prints what came of it as JSON, after so many KILLS at least.
"""

import json
import random
import sys

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gevent.socket import create_connection

from ofektom.redis_cache import GuardedRedisCache
from ofektom.redis_servers import CONNECTIONS, connect

KEYS, ROUND, MOST_ROUNDS, AT_ONCE = 200, 500, 100, 8
LONGEST_HOLD_SECONDS, LONGEST_PATIENCE_SECONDS = 0.006, 0.02


class Proxy:
    """Passes everything on; answers of Redis wait for a random moment while `holds`."""

    def __init__(self, port: int):
        self.redis, self.holds = ("127.0.0.1", port), False
        self.server = StreamServer(("127.0.0.1", 0), self.pass_on)
        self.server.start()

    def pass_on(self, caller, _address) -> None:
        with create_connection(self.redis) as redis:
            answers = gevent.spawn(self._copy, redis, caller, self._hold)
            self._copy(caller, redis, lambda: None)
            answers.kill()

    def _hold(self) -> None:
        if self.holds:
            gevent.sleep(random.uniform(0, LONGEST_HOLD_SECONDS))

    @staticmethod
    def _copy(source, target, wait) -> None:
        try:
            while data := source.recv(65536):
                wait()
                target.sendall(data)
        except OSError:
            pass


def main(port: int, kills: int) -> dict:
    """Call, kill, and compare."""
    random.seed(7)
    proxy = Proxy(port)
    url = f"redis://127.0.0.1:{proxy.server.server_port}/0"
    names = ("REDIS_PASSWORD", "REDIS_CLUSTER", "REDIS_SENTINELS")
    servers = connect(dict.fromkeys(names) | {"REDIS_URL": url})
    client = servers.server._client
    cache = GuardedRedisCache(servers, secret="x" * 32, key_prefix="", default_timeout=300)
    for number in range(KEYS):
        assert cache.set(f"key {number}", number)
    proxy.holds = True
    came = {"kills": 0, "own": 0, "misses": 0, "another's": 0, "unsealed another's": 0}

    def read(number: int) -> str:
        """Behind the seals nobody would see that an answer is another's: so half of the readers look before it."""
        match number % 3:
            case 0:
                found = cache.get(f"key {number}")
                return "misses" if found is None else "own" if found == number else "another's"
            case 1:
                found = cache.get_many(f"key {number}", "nothing", f"key {number - 1}")
                return "misses" if found[0] is None else "own" if found == [number, None, number - 1] else "another's"
            case _:
                found = client.get(f"key {number}")
                return "own" if found == cache._pack(f"key {number}", number) else "unsealed another's"

    def call(_) -> None:
        number = random.randrange(1, KEYS)
        patience = gevent.Timeout.start_new(random.uniform(0, LONGEST_PATIENCE_SECONDS))
        try:
            came[read(number)] += 1
        except gevent.Timeout:
            came["kills"] += 1
        finally:
            patience.close()

    for _ in range(MOST_ROUNDS):
        Pool(AT_ONCE).map(call, range(ROUND))
        if min(came["kills"], came["own"]) >= kills:
            break
    proxy.holds = False
    found = Pool(CONNECTIONS).map(lambda number: cache.get(f"key {number}"), range(KEYS))
    held = [client.connection_pool.get_connection() for _ in range(CONNECTIONS)]
    lost = sum(value != number for number, value in enumerate(found))
    return came | {"lost later": lost, "connections missing": CONNECTIONS - len(held)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
