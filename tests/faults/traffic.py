"""A mixed load that counts: reads and markings on kept-alive connections, by clients who try nothing twice."""

import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from tests.cast import Cast
from tests.concurrency.race import assert_adds_up, rows

TIMEOUT_SECONDS = 20
PATIENCE_SECONDS = 60  # for instances that boot beside the load
# Between two requests of one client: a load that leaves a shared machine of two cores room for restarts.
PAUSE_SECONDS = 0.05
# Of a client who keeps a connection and seldom uses it. Longer than a worker takes to stop when nobody keeps it.
LAZY_SECONDS = 2.5
_addresses = itertools.count(1)


@dataclass
class Client:
    """One connection, kept alive and opened again only when the server has said that it closes it.

    Nothing is retried: whatever is not the expected answer, a broken connection above all, is a failure. Each has an
    address of its own, as customers have, so that nginx does not count them as one.
    """

    port: int
    token: str
    account_id: int
    pause: float = PAUSE_SECONDS
    failures: list[str] = field(default_factory=list)
    told: list[int] = field(default_factory=list)  # the markings that were acknowledged
    busy: threading.Lock = field(default_factory=threading.Lock)  # held while an answer is out
    answers: int = 0
    release: str | None = None  # of the code that gave the last answer, if it says

    def __post_init__(self):
        number = next(_addresses)
        source = (f"127.{number >> 8 & 255}.{number & 255}.7", 0)
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=TIMEOUT_SECONDS, source_address=source
        )

    def walk(self, stopping: threading.Event) -> None:
        """Three reads and a marking, over and over."""
        with closing(self.connection):
            for path in itertools.cycle(("/auth/me", f"/savings/{self.account_id}", "/savings?limit=5", None)):
                if stopping.wait(self.pause):
                    return
                with self.busy:
                    self._ask("GET", path) if path else self._mark()

    def _mark(self) -> None:
        body = self._ask("POST", f"/savings/{self.account_id}/markings", {"days": 1}, uuid.uuid4().hex)
        if body:
            self.told.append(body["collection_id"])

    def _ask(self, method: str, path: str, body: dict | None = None, key: str = "") -> dict | None:
        """The body of the answer that was expected; None when there was another, or none."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        began = time.monotonic()
        try:
            self.connection.request(
                method, f"/api/v1{path}", json.dumps(body).encode() if body is not None else None, headers
            )
            response = self.connection.getresponse()
            received = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.failures.append(f"{method} {path}: {error!r} after {time.monotonic() - began:.3f} s")
            return None
        if response.status != (201 if key else 200):
            self.failures.append(f"{method} {path}: {response.status} {received[:200]!r}")
            return None
        self.answers += 1
        self.release = response.headers["X-Release"]
        return json.loads(received)


class Traffic:
    """Clients at a port, some of them lazy, each marking an account of their own."""

    def __init__(self, cast: Cast, port: int, *, clients: int = 4, lazy: int = 2):
        self.cast = cast
        self.accounts = [cast.open_account(cast.funke, cycle_days=366, cycles=2)["id"] for _ in range(clients + lazy)]
        pauses = [PAUSE_SECONDS] * clients + [LAZY_SECONDS] * lazy
        self.clients = [
            Client(port, cast.chidi.token, account_id, pause)
            for account_id, pause in zip(self.accounts, pauses, strict=True)
        ]
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=one.walk, args=[self.stopping], daemon=True) for one in self.clients]

    @property
    def answers(self) -> int:
        return sum(one.answers for one in self.clients)

    @property
    def acknowledged(self) -> list[int]:
        """The markings that somebody was told of."""
        return [told for one in self.clients for told in one.told]

    @property
    def failures(self) -> list[str]:
        return [failure for one in self.clients for failure in one.failures]

    def releases(self) -> set[str | None]:
        """Whose answers those clients had last who are not lazy."""
        return {one.release for one in self.clients if one.pause < LAZY_SECONDS}

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nobody asks anything in the block, and nobody waits for an answer."""
        with ExitStack() as held:
            for one in self.clients:
                held.enter_context(one.busy)
            yield

    def goes_on(self, requests: int = 60) -> None:
        """Return when so many more requests have been answered."""
        goal, ends = self.answers + requests, time.monotonic() + PATIENCE_SECONDS
        while self.answers < goal:
            assert not self.failures, self.failures[:5]
            assert time.monotonic() < ends, "waited in vain"
            time.sleep(0.02)

    def check(self) -> None:
        """Nothing failed; what was acknowledged is in the database, once, and nothing else is."""
        assert not self.failures, self.failures[:5]
        query = "SELECT id FROM collections WHERE account_id = ANY(:ids)"
        kept = Counter(row["id"] for row in rows(self.cast.app, query, ids=self.accounts))
        assert kept == Counter(self.acknowledged)
        assert_adds_up(self.cast.app)


@contextmanager
def flowing(traffic: Traffic) -> Iterator[Traffic]:
    """Traffic that flows in the block, and has come to rest after it."""
    for thread in traffic.threads:
        thread.start()
    try:
        traffic.goes_on()
        yield traffic
    finally:
        traffic.stopping.set()
        for thread in traffic.threads:
            thread.join(TIMEOUT_SECONDS)
            assert not thread.is_alive()
