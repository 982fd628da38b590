"""The Redis servers behind the cache: a single one, the master that Sentinels name, or the masters of a Redis Cluster.

Each is asked behind a breaker of its own, so that one that does not answer costs little and takes no other with it.
redis-py's RedisCluster cannot do that. It connects when it is made; it sleeps for 250 ms when the cluster is down; and
each of its callers who fails looks for the nodes again, one after the other: of 50 at once the last took 7.6 s.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection
from redis.utils import str_if_bytes

from ofektom import metrics

log = logging.getLogger(__name__)

CONNECTIONS = 50  # of each process to each server
PATIENCE_SECONDS = 0.05  # for a connection, for one's turn, for an answer
FAILURES_TO_OPEN = 3
OPEN_SECONDS = 1.0
LOOK_SECONDS = 1.0
MOST_LOOKED_AT = 3  # nodes of a cluster, in one look for the masters

# A command's words; the second is its key, or the first of several in one slot.
Command = tuple
Address = tuple[str, int]

UNKNOWN_HOSTS = (None, b"", b"?")  # as nodes write it that were not told their own names

# Stands where an answer would, like the errors that Redis answers with.
NOT_ASKED = redis.ConnectionError("this server was not asked")


def is_answer(answer) -> bool:
    """Whether `answer` is one: neither a refusal nor silence."""
    return not isinstance(answer, Exception)


class Breaker:
    """Stops asking a server that does not answer: after three failures in a row, but for one question a second."""

    def __init__(self, name: str, told: Callable[[], None]) -> None:
        self._name, self._told = name, told
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0

    @property
    def failures(self) -> int:
        """How many in a row until now."""
        return self._failures

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
            was_open = self.is_open
            self._failures = 0
            if was_open:
                log.warning("%s answers again", self._name)
                self._told()

    def failed(self, error: Exception) -> None:
        metrics.cache_failed()
        with self._lock:
            self._failures += 1
            has_opened = self._failures == FAILURES_TO_OPEN
            if has_opened:
                self._next_try = time.monotonic() + OPEN_SECONDS
        if has_opened:
            log.warning("%s does not answer (%s); asked once a second from now on", self._name, type(error).__name__)
            self._told()


class Server:
    """One Redis server. Asking it never raises, and never takes much longer than our patience."""

    def __init__(self, name: str, client: redis.Redis, told: Callable[[], None]) -> None:
        self.breaker = Breaker(name, told)
        self._client = client
        # The pools of Sentinel and of a cluster's nodes do not let anybody wait for a connection.
        self._turns = threading.BoundedSemaphore(CONNECTIONS)

    def ask(self, question: Callable[[redis.Redis], object], otherwise):
        """`question(client)`, or `otherwise` when the server cannot be asked or refuses to answer."""
        if not self.breaker.lets_pass() or not self._turns.acquire(timeout=PATIENCE_SECONDS):
            return otherwise
        try:
            answer = question(self._client)
        except redis.ResponseError as refusal:
            # Of another type, out of memory, not allowed: answers all the same. A cluster that is down has none.
            self.breaker.failed(refusal) if isinstance(refusal, ClusterDownError) else self.breaker.succeeded()
            return otherwise
        except Exception as error:  # redis-py's parsers raise anything at an answer they do not expect
            self.breaker.failed(error)
            return otherwise
        finally:
            self._turns.release()
        self.breaker.succeeded()
        return answer

    def send(self, commands: Sequence[Command]) -> list:
        """The answers to `commands`, in one round trip; errors and NOT_ASKED where there is none."""

        def question(client: redis.Redis) -> list:
            if len(commands) == 1:
                answers = [_answer_or_refusal(client, commands[0])]
            else:
                pipe = client.pipeline(transaction=False)
                for command in commands:
                    pipe.execute_command(*command)
                answers = pipe.execute(raise_on_error=False)
            if answers and all(isinstance(answer, ClusterDownError) for answer in answers):
                raise answers[0]
            return answers

        return self.ask(question, [NOT_ASKED] * len(commands))


def _key_of(command: Command) -> bytes:
    """The key by which a command finds its server."""
    return command[3] if command[0] == "EVAL" else command[1]


def _answer_or_refusal(client: redis.Redis, command: Command):
    try:
        return client.execute_command(*command)
    except redis.ResponseError as refusal:
        return refusal


class Single:
    """The one server that has everything."""

    def __init__(self, client: redis.Redis) -> None:
        self.server = Server("redis", client, lambda: metrics.breaker(open=self.server.breaker.is_open))

    def send(self, commands: Sequence[Command]) -> list:
        """The answers to `commands`, as Server.send gives them."""
        return self.server.send(commands) if commands else []

    def askable_together(self, names: Sequence[bytes]) -> list[list[bytes]]:
        """`names` in groups that one command may name."""
        return [list(names)] if names else []

    def all(self) -> list[Server]:
        """Every server that has keys."""
        return [self.server]

    def known(self) -> list[Server]:
        """Every server that this process has asked."""
        return [self.server]


class Cluster:
    """The masters of a Redis Cluster, each a server that has the keys of some slots.

    They are found when they are first needed, and looked for again, at most once a second and by one caller, when one
    fails or says that a slot has moved. The others do not wait for it: they go on with what is known, or miss.
    """

    def __init__(self, seeds: Iterable[Address], client_of: Callable[[Address], redis.Redis]) -> None:
        self._seeds, self._client_of = list(seeds), client_of
        self._servers: dict[Address, Server] = {}
        self._masters: dict[int, Address] = {}  # by slot
        self._is_outdated = True
        self._looked = float("-inf")
        self._looking = threading.Lock()

    def send(self, commands: Sequence[Command]) -> list:
        """The answers to `commands`, in one round trip to each server; as Server.send gives them."""
        if self._is_outdated:
            self._look(LOOK_SECONDS)
        answers: list = [NOT_ASKED] * len(commands)
        self._scatter(commands, range(len(commands)), answers)
        moved = [place for place, answer in enumerate(answers) if isinstance(answer, MovedError)]
        for place in moved:
            self._masters[answers[place].slot_id] = self._pointed_to(answers[place])
        self._scatter(commands, moved, answers)
        for place, answer in enumerate(answers):
            if isinstance(answer, AskError):  # the slot is on its way: once, and only there
                answers[place] = self._server(self._pointed_to(answer)).send([("ASKING",), commands[place]])[-1]
        if moved or any(isinstance(answer, redis.ConnectionError | ClusterDownError) for answer in answers):
            self._is_outdated = True
        return answers

    def _scatter(self, commands: Sequence[Command], places: Iterable[int], answers: list) -> None:
        by_master: dict[Address, list[int]] = {}
        for place in places:
            master = self._masters.get(key_slot(_key_of(commands[place])))
            if master:
                by_master.setdefault(master, []).append(place)
        for master, its_places in by_master.items():
            its_answers = self._server(master).send([commands[place] for place in its_places])
            for place, answer in zip(its_places, its_answers, strict=True):
                answers[place] = answer

    def _pointed_to(self, redirection: AskError) -> Address:
        """Where a server says that a slot is; one that does not know the name of another takes it for the same host."""
        asked = self._masters.get(redirection.slot_id)
        return (redirection.host or (asked[0] if asked else ""), redirection.port)

    def _server(self, address: Address) -> Server:
        known = self._servers.get(address)
        if known is None:
            made = Server(f"redis {address[0]}:{address[1]}", self._client_of(address), self._tell)
            known = self._servers.setdefault(address, made)
        return known

    def _tell(self) -> None:
        metrics.breaker(open=any(server.breaker.is_open for server in self.known()))

    def _look(self, pause: float) -> None:
        """Ask one server after the other which has which slots, unless somebody does or did within `pause` seconds."""
        if time.monotonic() - self._looked < pause or not self._looking.acquire(blocking=False):
            return
        try:
            self._looked = time.monotonic()
            for address in self._by_promise()[:MOST_LOOKED_AT]:
                masters = self._server(address).ask(lambda client, asked=address: _masters(client, asked[0]), None)
                if masters:
                    self._masters, self._is_outdated = masters, False
                    kept = {*masters.values(), *self._seeds}
                    self._servers = {at: server for at, server in list(self._servers.items()) if at in kept}
                    return
        finally:
            self._looking.release()

    def _by_promise(self) -> list[Address]:
        """Whom to ask where the slots are: first those that answered the last time anybody asked."""
        known = dict.fromkeys([*self._masters.values(), *self._seeds])
        return sorted(known, key=lambda address: self._server(address).breaker.failures)

    def askable_together(self, names: Sequence[bytes]) -> list[list[bytes]]:
        """`names` in groups that one command may name: those of one slot."""
        groups: dict[int, list[bytes]] = {}
        for name in names:
            groups.setdefault(key_slot(name), []).append(name)
        return list(groups.values())

    def all(self) -> list[Server]:
        """Every server that has keys at this moment."""
        self._look(0)
        return [self._server(address) for address in dict.fromkeys(self._masters.values())]

    def known(self) -> list[Server]:
        """Every server that this process has asked."""
        return list(self._servers.values())


def _masters(client: redis.Redis, host: str) -> dict[int, Address]:
    """The master of each slot, as one node says; a master without a name of its own is at the node's `host`."""
    ranges = client.execute_command("CLUSTER SLOTS")
    return {
        slot: (str_if_bytes(master[0]) if master[0] not in UNKNOWN_HOSTS else host, int(master[1]))
        for first, last, master, *_ in ranges
        for slot in range(first, last + 1)
    }


class MasterConnection(SentinelManagedConnection):
    """A connection that is not used again when a read of it was broken off, by a request's deadline say.

    redis-py closes its other connections then. On these the next caller would be given the answer to this command.
    """

    def read_response(self, disable_decoding=False, **options):
        return super().read_response(disable_decoding, **({"disconnect_on_error": True} | options))


def connect(config: Mapping) -> Single | Cluster:
    """The servers of REDIS_CLUSTER, REDIS_SENTINELS or REDIS_URL: 50 connections, 50 ms of patience, no retries.

    They are connected to when first used. Reads go to masters: a replica may lag behind a deletion.
    """
    options = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS, "protocol": 2}
    options |= {"retry": Retry(NoBackoff(), 0), "driver_info": None}
    pooled = options | {"max_connections": CONNECTIONS}
    password = {"password": config["REDIS_PASSWORD"] or None}
    if config["REDIS_CLUSTER"]:
        return Cluster(
            config["REDIS_CLUSTER"],
            lambda address: _client(redis.ConnectionPool(host=address[0], port=address[1], **pooled, **password)),
        )
    if config["REDIS_SENTINELS"]:
        guards = Sentinel(config["REDIS_SENTINELS"], sentinel_kwargs=options, connection_class=MasterConnection)
        return Single(guards.master_for(config["REDIS_SENTINEL_MASTER"], **pooled, **password))
    if config["REDIS_URL"].startswith("rediss://") and not config["REDIS_TLS_VERIFY"]:
        pooled |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    return Single(_client(redis.ConnectionPool.from_url(config["REDIS_URL"], **pooled)))


def _client(pool: redis.ConnectionPool) -> redis.Redis:
    return redis.Redis.from_pool(pool)
