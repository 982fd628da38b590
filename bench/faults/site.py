"""The service as in production, every part of it a process that may be killed: PostgreSQL behind a proxy that cuts,
Redis, gunicorn with two workers, Nginx."""

import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from bench.faults.acts import Journal, Person
from local import nginx
from local.postgres import embedded
from tests.cast import Cast, Staff
from tests.conf.processes import ask, free_port, running, wait_for
from tests.faults.cutting import CuttingProxy
from tests.faults.harming import Redis
from tests.faults.servers import application, gunicorn, kill, postmaster
from tests.standalone import settings_for

PEOPLE = 12
BOOT_SECONDS = 300  # of patience: on a busy machine a worker takes many times what it takes on a quiet one
DAYS_PAID = 12
# What application and service share; a drill may take longer than a token lives.
SETTINGS = settings_for("postgresql://", "", access_token_minutes=24 * 60)
BANKS = {"bank_code": "033", "account_number": "1723185117", "account_name": "Funke Bello"}


class Postgres:
    """A server that keeps what it says, and that may be killed and started again on the same data."""

    def __init__(self, data_dir: Path):
        self.data_dir = data_dir
        self._life: AbstractContextManager[str] | None = None

    def start(self) -> str:
        """Start it and wait until it answers; its address, past any proxy."""
        self._life = embedded(self.data_dir)
        return self._life.__enter__()

    def stop(self) -> None:
        """End it in order, or clear away what a kill has left."""
        life, self._life = self._life, None
        if life:
            life.__exit__(None, None, None)

    def kill(self) -> None:
        """What a power cut does."""
        kill(postmaster(self.data_dir))
        self.stop()


class Site:
    """All of it, with a business on it and people who are about to use it."""

    def __init__(self, folder: Path, seed: int, *, people: int = PEOPLE):
        self.folder, self.seed = folder, seed
        self.random = random.Random(seed)
        self.postgres, self.redis = Postgres(folder / "data"), Redis(folder / "redis")
        self.proxy = CuttingProxy(folder / "data", seed)
        self.port, self.instance = free_port(), free_port()
        self.journal = Journal(folder / "acknowledged.jsonl")
        self.how_many, self.server = people, None

    @contextmanager
    def running(self) -> Iterator["Site"]:
        """Everything runs in the block. Redis comes and goes by `redis.running`."""
        url = self.postgres.start()
        try:
            self.cast = Cast(Staff(application(SETTINGS, url)))
            self.cast.ada.ok("PATCH", "/settings", {"cooldown_hours": 0})
            self.people = self._people()
            more = {"REDIS_URL": self.redis.url, "PROXY_HOPS": "1", "DB_POOL_SIZE": "10", "DB_POOL_OVERFLOW": "20"}
            service = gunicorn(SETTINGS, self.proxy.url, self.instance, self.folder / "gunicorn.log", **more)
            with self.proxy.running(), service as self.server, self._nginx():
                wait_for(self.is_up, BOOT_SECONDS)
                yield self
        finally:
            self.postgres.stop()

    def _people(self) -> list[Person]:
        payee = self.cast.funke.ok("POST", "/payment-accounts", BANKS)["id"]
        return [self._person(number, payee) for number in range(self.how_many)]

    def _person(self, number: int, payee: int) -> Person:
        account = self.cast.open_account(self.cast.funke, cycle_days=366, cycles=2)
        self.cast.mark(account, days=DAYS_PAID)
        draw = random.Random(f"{self.seed} {number}")
        return Person(self.cast, self.port, self.journal, account["id"], payee, draw)

    @property
    def accounts(self) -> list[int]:
        return [one.account_id for one in self.people]

    @contextmanager
    def _nginx(self) -> Iterator[None]:
        place = self.folder / "nginx"
        place.mkdir()
        # The one instance; and a rate that is none, for all clients are on one machine.
        values = {f"OFEKTOM_BACKEND_{number}": f"127.0.0.1:{self.instance}" for number in (1, 2, 3)}
        values |= {"OFEKTOM_LISTEN": f"127.0.0.1:{self.port}", "OFEKTOM_API_RATE": "100000r/s"}
        with running(nginx.command(place, values), self.port, self.folder / "nginx.log"):
            yield

    def is_up(self) -> bool:
        """Whether both workers are there and the service is ready."""
        with suppress(OSError):  # gunicorn listens before its workers have booted
            return len(self.server.children()) == 2 and ask(self.port, "/readyz").status == 200
        return False

    def goes_on(self, acts: int = 3) -> float:
        """Return when so many more acts have been acknowledged: after how many seconds the first one was."""
        began, before, first = time.monotonic(), self.journal.acknowledged, None

        def enough() -> bool:
            nonlocal first
            done = self.journal.acknowledged - before
            if done and first is None:
                first = time.monotonic() - began
            return done >= acts

        wait_for(enough, BOOT_SECONDS)
        return first
