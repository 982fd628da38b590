"""People who do all that moves money, and who when in doubt ask again with the same key; and the log of what they know.

Each client works on an account of their own, one act after the other, so that it is known what every answer has to be.
"""

import hashlib
import http.client
import itertools
import json
import random
import threading
import time
import uuid
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.cast import Cast

TIMEOUT_SECONDS = 20  # longer than Nginx gives an instance
PATIENCE_SECONDS = 90  # for one act, however often it is tried: a worker that boots on a busy machine takes a while
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.05, 1.0  # doubled after each try
REASON = {"reason": "a drill"}
CODES = {"outcome.unknown", "unavailable", "database.unavailable", "database.busy", "request.deadline"}
RUNNING = "idempotency.running"
_addresses = itertools.count(1)


class Reply(NamedTuple):
    """What came back; status 0 where the connection broke."""

    status: int
    body: bytes
    headers: dict


class Act(NamedTuple):
    """What somebody wants, under a key of its own."""

    kind: str
    token: str
    path: str
    body: dict
    status: int
    key: str


class Line:
    """One kept-alive connection to the service, from an address of its own."""

    def __init__(self, port: int):
        number = next(_addresses)
        source = (f"127.{number >> 8 & 255}.{number & 255}.9", 0)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS, source_address=source)

    def close(self) -> None:
        self.connection.close()

    def post(self, act: Act) -> Reply:
        """Ask once."""
        headers = {"Authorization": f"Bearer {act.token}", "Content-Type": "application/json"}
        headers["Idempotency-Key"] = act.key
        try:
            self.connection.request("POST", f"/api/v1{act.path}", json.dumps(act.body).encode(), headers)
            response = self.connection.getresponse()
            return Reply(response.status, response.read(), dict(response.headers))
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return Reply(0, b"", {})


class Journal:
    """What was asked and what was answered, on disk before anybody acts on it: a line of JSON each."""

    def __init__(self, path: Path):
        self.file, self.lock = path.open("a", buffering=1), threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Know nothing but what is told from now on; the file goes on."""
        self.known: dict[str, tuple[Act, dict | None, str]] = {}
        self.doubtful: set[str] = set()  # the keys of what was not answered at the first try
        self.wrong: list[str] = []
        self.apologies: Counter[str] = Counter()

    def asked(self, act: Act) -> None:
        """Somebody is about to send this for the first time."""
        with self.lock:
            self.known[act.key] = (act, None, "")
            self._write({"asked": act.kind, "key": act.key, "path": act.path, "body": act.body})

    def answered(self, act: Act, reply: Reply) -> dict:
        """Somebody was told that it is done. Returns the body."""
        body, digest = json.loads(reply.body), hashlib.sha256(reply.body).hexdigest()
        with self.lock:
            self.known[act.key] = (act, body, digest)
            self._write({"acknowledged": act.kind, "key": act.key, "id": identity(act, body), "sha256": digest})
        return body

    def tried(self, act: Act, reply: Reply) -> None:
        """An attempt that told nothing."""
        with self.lock:
            self.doubtful.add(act.key)
            self.apologies[code_of(reply)] += 1

    def mistaken(self, what: str) -> None:
        """An answer that nobody should get."""
        with self.lock:
            self.wrong.append(what)
            self._write({"wrong": what})

    def _write(self, line: dict) -> None:
        self.file.write(json.dumps(line) + "\n")

    def of_kind(self, kind: str) -> list[tuple[Act, dict]]:
        """The acts of this kind that were acknowledged, with their answers."""
        return [(act, body) for act, body, _ in list(self.known.values()) if act.kind == kind and body is not None]

    @property
    def acknowledged(self) -> int:
        """How many acts somebody was told of."""
        return sum(body is not None for _, body, _ in list(self.known.values()))


def identity(act: Act, body: dict) -> int:
    """The id of the row that an act is about."""
    return body["collection_id" if act.kind == "marking" else "id"]


def code_of(reply: Reply) -> str:
    """In a word why nothing is known."""
    if not reply.status:
        return "broken connection"
    try:
        return json.loads(reply.body).get("code", str(reply.status))
    except ValueError:
        return str(reply.status)


def is_apology(reply: Reply) -> bool:
    """Whether an answer may be given for a fault: 503 with a time and a reason, or word that the first try still runs.

    A broken connection is none, for Nginx stands and has to say what has happened behind it.
    """
    if reply.status == 409:
        return code_of(reply) == RUNNING
    kind = reply.headers.get("Content-Type", "")
    return reply.status == 503 and "Retry-After" in reply.headers and "problem+json" in kind and code_of(reply) in CODES


def insist(line: Line, journal: Journal, act: Act) -> dict | None:
    """Ask until there is an answer; the body, or None where there was a wrong one or none in time."""
    journal.asked(act)
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, RETRY_SECONDS
    while time.monotonic() < deadline:
        reply = line.post(act)
        if reply.status == act.status:
            return journal.answered(act, reply)
        if not is_apology(reply):
            journal.mistaken(f"{act.kind}: {reply.status} {reply.body[:300]!r}")
            return None
        journal.tried(act, reply)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_RETRY_SECONDS)
    journal.mistaken(f"{act.kind}: no answer in {PATIENCE_SECONDS} s")
    return None


@dataclass
class Person:
    """A customer's account and all who act on it. What may be done next is drawn by lot."""

    cast: Cast
    port: int
    journal: Journal
    account_id: int
    payee: int
    random: random.Random
    collections: list[int] = field(default_factory=list)  # not reversed yet
    requested: list[int] = field(default_factory=list)
    approved: list[int] = field(default_factory=list)

    def walk(self, stopping: threading.Event) -> None:
        """Act after act, until told to stop."""
        with closing(Line(self.port)) as line:
            while not stopping.is_set():
                act = self.next()
                if (body := insist(line, self.journal, act)) is not None:
                    self._remember(act, body)

    def next(self) -> Act:
        """Ends what was begun more often than it begins something, so that nothing piles up."""
        draw = self.random.random()
        if self.approved and draw < 0.5:
            said = {"bank_reference": f"DRILL-{uuid.uuid4().hex[:16].upper()}"}
            return self._act("transfer", self.cast.ada, f"/payments/{self.approved[0]}/pay-transfer", said, 200)
        if self.requested and draw < 0.6:
            return self._act("approval", self.cast.bola, f"/payments/{self.requested[0]}/approve", {}, 200)
        if len(self.collections) > 20 and draw < 0.75:
            collection_id = self.random.choice(self.collections)
            return self._act("reversal", self.cast.ada, f"/collections/{collection_id}/reversal", REASON, 200)
        if draw < 0.85:
            return self._act("marking", self.cast.chidi, f"/savings/{self.account_id}/markings", {"days": 1})
        if draw < 0.93:
            wanted = {"account_id": self.account_id, "amount": 100, "method": "transfer"}
            return self._act("request", self.cast.ada, "/payments", wanted | {"payment_account_id": self.payee})
        spent = {"amount": 100, "category": "transport", "note": "a drill"}
        return self._act("expense", self.cast.chidi, "/expenses", spent)

    @staticmethod
    def _act(kind: str, who, path: str, body: dict, status: int = 201) -> Act:
        return Act(kind, who.token, path, body, status, uuid.uuid4().hex)

    def _remember(self, act: Act, body: dict) -> None:
        match act.kind:
            case "marking":
                self.collections.append(body["collection_id"])
            case "reversal":
                self.collections.remove(body["id"])
            case "request":
                self.requested.append(body["id"])
            case "approval":
                self.approved.append(self.requested.pop(0))
            case "transfer":
                self.approved.pop(0)


class Load:
    """Everybody at once, until the end of the block."""

    def __init__(self, people: list[Person]):
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=one.walk, args=[self.stopping], daemon=True) for one in people]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS + TIMEOUT_SECONDS)
            assert not thread.is_alive(), "somebody never came back"
