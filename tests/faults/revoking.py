"""People who read without pause from both workers of a real service while their rights are taken away."""

import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psutil

from tests.cast import PASSWORD, PIN, Person, Staff, new_phone
from tests.faults.servers import TIMEOUT_SECONDS

PAUSE_SECONDS = 0.05
BOOT_SECONDS = 60
WARM_READS = 2  # of each worker, before anything is revoked
REFUSED = {401, 403, 404}
_names = itertools.count(1)


class Line:
    """A connection that is kept."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        assert self.ask("GET", "/livez")[0] == 200
        self.local_port = self.connection.sock.getsockname()[1]
        self.worker = 0  # the process at the other end

    def ask(self, method: str, path: str, token: str | None = None, body: dict | None = None) -> tuple[int, dict]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if method == "POST":
            headers |= {"Idempotency-Key": uuid.uuid4().hex}
        if body is not None:
            headers["Content-Type"] = "application/json"
        status, text = self.send(method, path, headers, json.dumps(body).encode() if body is not None else None)
        return status, json.loads(text) if text else {}

    def send(self, method: str, path: str, headers: dict, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, response.read()


@contextmanager
def pairs(port: int, service: psutil.Process, wanted: int) -> Iterator[list[tuple[Line, Line]]]:
    """So many pairs of connections, one to each of the two workers, open until the end of the block."""
    with ExitStack() as stack:
        lines: dict[int, list[Line]] = {child.pid: [] for child in service.children()}
        assert len(lines) == 2
        ends = time.monotonic() + BOOT_SECONDS  # until then one may serve alone, and get them all
        while min(map(len, lines.values())) < wanted and time.monotonic() < ends:
            new = {line.local_port: line for line in (Line(port) for _ in range(wanted))}
            for child in service.children():
                for one in child.net_connections("tcp"):
                    if one.raddr and one.raddr.port in new and len(lines[child.pid]) < wanted:
                        line = new.pop(one.raddr.port)
                        stack.callback(line.connection.close)
                        line.worker = child.pid
                        lines[child.pid].append(line)
            for surplus in new.values():
                surplus.connection.close()
        yield list(zip(*lines.values(), strict=True))


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: dict | None = None


@dataclass(frozen=True)
class Read:
    """A GET, and whether an answer to it still tells the old facts."""

    path: str
    is_old: Callable[[int, dict], bool]


@dataclass(frozen=True)
class Sight:
    """What a worker answered to a read: when it was sent and answered, and whether it was still accepted."""

    sent: float
    answered: float
    worker: int
    status: int
    is_old: bool


@dataclass
class Victim:
    """Somebody with a token, how it loses its rights, and what it must be refused from that moment on."""

    kind: str
    user_id: int
    token: str
    reads: Sequence[Read]
    revoker: str
    revocation: Request
    writes: Sequence[Request]
    seen: list[Sight] = field(default_factory=list)
    first_writes: list[int] = field(default_factory=list)
    revoked: float = float("inf")
    calm: float = 0.0  # for how many seconds they had been refused when the watch ended

    def watch(self, lines: tuple[Line, Line], over: threading.Event, pause: float) -> None:
        """Read from both workers in turn until it is `over`."""
        first, last = self.reads[0], self.reads[-1]
        order = [(line, read) for read in (first, first, first, last) for line in lines]
        for line, read in itertools.cycle(order):
            if over.is_set():
                return
            sent = time.monotonic()
            status, body = line.ask("GET", read.path, self.token)
            self.seen.append(Sight(sent, time.monotonic(), line.worker, status, read.is_old(status, body)))
            over.wait(pause)

    @property
    def is_warm(self) -> bool:
        """Whether both workers know the token."""
        known = Counter(sight.worker for sight in list(self.seen) if sight.is_old)
        return len(known) == 2 and min(known.values()) >= WARM_READS

    def revoke(self, lines: tuple[Line, Line]) -> None:
        """Take the rights away through the first worker, and at once send a write to each of them.

        Always the first one: what it forgets makes it forget all it remembers nearby, and the other is to remember.
        """
        what = self.revocation
        status, body = lines[0].ask(what.method, what.path, self.revoker, what.body)
        self.revoked = time.monotonic()
        assert status in (200, 204), (self.kind, status, body)
        for line in lines:
            for write in self.writes:
                self.first_writes.append(line.ask(write.method, write.path, self.token, write.body)[0])

    @property
    def last_accepted(self) -> float:
        """How many seconds after the revocation's answer the last read was sent that was still accepted; 0: none."""
        return max([sight.sent - self.revoked for sight in list(self.seen) if sight.is_old] + [0.0])

    def refused_for(self) -> float:
        """For how many seconds both workers have refused, by now."""
        accepted = [sight.answered for sight in list(self.seen) if sight.is_old]
        return time.monotonic() - max([self.revoked, *accepted])


def is_accepted(status: int, _: dict) -> bool:
    return status == 200


def acts_as(**facts) -> Callable[[int, dict], bool]:
    """Whether /auth/me says that somebody acts with these `facts`."""

    def is_old(status: int, body: dict) -> bool:
        active = (body.get("active") if status == 200 else None) or {}
        return facts.items() <= active.items()

    return is_old


def reads(**facts) -> list[Read]:
    """A read of who they are, which costs no statement, and one of what they may see."""
    return [Read("/api/v1/auth/me", acts_as(**facts)), Read("/api/v1/savings?limit=1", is_accepted)]


class House:
    """A business with an admin, an agent and a savings account."""

    def __init__(self, staff: Staff):
        self.app, self.staff, phone = staff.app, staff, new_phone()
        admin = {"full_name": "Ada Obi", "phone": phone}
        opened = staff.ok("POST", "/businesses", {"name": f"House {next(_names)}", "admin": admin})
        self.id = opened["business"]["id"]
        self.ada = Person(self.app, opened["admin"], phone, PASSWORD)
        self.chidi = self.join("agent")
        self.account_id = self.open_account(self.chidi.id)
        self.unit_id = self.ada.ok("POST", "/units", {"name": "Oshodi"})["id"]

    def join(self, role: str, *, parent_id: int | None = None, phone: str | None = None) -> Person:
        phone = phone or new_phone()
        body = {"role": role, "full_name": f"Person {next(_names)}", "phone": phone, "parent_id": parent_id}
        return Person(self.app, self.ada.ok("POST", "/members", body), phone, PASSWORD if role == "admin" else PIN)

    def open_account(self, agent_id: int) -> int:
        body = {"role": "customer", "full_name": f"Person {next(_names)}", "parent_id": agent_id}
        customer = self.ada.ok("POST", "/members", body)
        plan = {"kind": "daily", "contribution": 50_000, "customer_id": customer["id"]}
        return self.ada.ok("POST", "/savings", plan)["id"]

    @property
    def writes(self) -> list[Request]:
        """What an admin may do: neither may happen once somebody has lost their rights."""
        return [self.marking(self.account_id), Request("PATCH", f"/api/v1/units/{self.unit_id}", {"is_active": False})]

    @staticmethod
    def marking(account_id: int) -> Request:
        return Request("POST", f"/api/v1/savings/{account_id}/markings", {"days": 1})


class Homes:
    """Makes victims: admins and agents of a business, each of whom is about to lose something."""

    def __init__(self, staff: Staff):
        self.staff, self.home, self.away = staff, House(staff), House(staff)

    def _admin(self, kind: str, revoke: Callable[[Person], tuple], **old) -> Victim:
        admin = self.home.join("admin")
        by, *what = revoke(admin)
        facts = {"business_id": self.home.id, "role": "admin"}
        return Victim(kind, admin.user_id, admin.token, reads(**facts), by, Request(*what), self.home.writes)

    def logout(self) -> Victim:
        return self._admin("logout", lambda admin: (admin.token, "POST", "/api/v1/auth/logout"))

    def user(self) -> Victim:
        path, why = "/api/v1/users/{}/deactivate", {"reason": "x"}
        return self._admin("user", lambda admin: (self.staff.token, "POST", path.format(admin.user_id), why))

    def membership(self) -> Victim:
        path, why = "/api/v1/members/{}/deactivate", {"reason": "x"}
        return self._admin("membership", lambda admin: (self.home.ada.token, "POST", path.format(admin.id), why))

    def demotion(self) -> Victim:
        """An admin who becomes an agent: no accounts of others, no reports, no settings."""
        path, role = "/api/v1/members/{}/role", {"role": "agent", "parent_id": None}
        victim = self._admin("demotion", lambda admin: (self.home.ada.token, "POST", path.format(admin.id), role))
        victim.reads = [victim.reads[0], Read("/api/v1/reports/four-pots", is_accepted)]
        return victim

    def role(self) -> Victim:
        """An agent who becomes a sub-agent; there is nothing that only the one of them may do."""
        agent, path = self.home.join("agent"), "/api/v1/members/{}/role"
        change = Request("POST", path.format(agent.id), {"role": "sub_agent", "parent_id": self.home.chidi.id})
        me = [Read("/api/v1/auth/me", acts_as(role="agent"))]
        return Victim("role", agent.user_id, agent.token, me, self.home.ada.token, change, [])

    def pin(self) -> Victim:
        agent = self.home.join("agent")
        marking = House.marking(self.home.open_account(agent.id))
        change = Request("POST", "/api/v1/auth/secret", {"current": PIN, "new": "806241"})
        return Victim("pin", agent.user_id, agent.token, reads(role="agent"), agent.token, change, [marking])

    def business(self) -> Victim:
        house = House(self.staff)
        change, facts = Request("PATCH", f"/api/v1/businesses/{house.id}", {"is_active": False}), {"role": "admin"}
        ada = house.ada
        return Victim("business", ada.user_id, ada.token, reads(**facts), self.staff.token, change, house.writes)

    def switch(self) -> Victim:
        """An admin of two businesses who moves on to the other one: the old one's things are not there any more."""
        phone = new_phone()
        self.away.join("admin", phone=phone)
        admin = self.home.join("admin", phone=phone)
        back = {"business_id": self.home.id}
        admin.ok("POST", "/auth/switch-business", back)
        change = Request("POST", "/api/v1/auth/switch-business", {"business_id": self.away.id})
        seen = [Read("/api/v1/auth/me", acts_as(**back)), Read(f"/api/v1/savings/{self.home.account_id}", is_accepted)]
        return Victim("switch", admin.user_id, admin.token, seen, admin.token, change, self.home.writes)

    def victims(self, of_each: int) -> list[Victim]:
        """So many of every kind."""
        kinds = [self.logout, self.user, self.membership, self.demotion]
        kinds += [self.role, self.pin, self.business, self.switch]
        return [make() for _ in range(of_each) for make in kinds]


@contextmanager
def watching(
    victims: Sequence[Victim], lines: Sequence[tuple[Line, Line]], *, pause: float = PAUSE_SECONDS
) -> Iterator[None]:
    """Victims who read, all known to both workers, until the end of the block."""
    over = threading.Event()
    readers = [
        threading.Thread(target=victim.watch, args=[pair, over, pause], daemon=True)
        for victim, pair in zip(victims, lines, strict=True)
    ]
    for reader in readers:
        reader.start()
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not all(victim.is_warm for victim in victims):
            assert time.monotonic() < deadline, [victim.kind for victim in victims if not victim.is_warm]
            time.sleep(0.02)
        yield
    finally:
        over.set()
        for reader in readers:
            reader.join(TIMEOUT_SECONDS)
