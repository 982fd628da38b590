"""A PostgreSQL and a gunicorn of these tests' own, so that they may be frozen and killed."""

import http.client
import json
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import flask_migrate
import psutil
from flask import Flask

from ofektom.app import create_app
from ofektom.config import Settings
from tests.conf.processes import ROOT, running
from tests.conftest import MIGRATIONS

TIMEOUT_SECONDS = 20
RETRY_SECONDS = 0.1


def application(settings: Settings, url: str) -> Flask:
    """The application on a migrated database at `url`; without Redis, where the suite's people have the same ids."""
    app = create_app(replace(settings, database_url=url, redis_url=""), testing=True)
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    return app


def postmaster(data_dir: Path) -> psutil.Process:
    """The server whose data is in `data_dir`."""
    return psutil.Process(int((data_dir / "postmaster.pid").read_text().split()[0]))


def kill(server: psutil.Process) -> None:
    """What a power cut does to a server: all of it ends at once, with nothing written any more."""
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes[1:], timeout=10)


@contextmanager
def frozen(server: psutil.Process) -> Iterator[None]:
    """A server all of whose processes have stopped, and go on at the end of the block."""
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def environment(settings: Settings, url: str, port: int) -> dict[str, str]:
    """What the service on `port` is told: the database at `url` and the secrets of `settings`."""
    return os.environ | {
        "DATABASE_URL": url,
        "SECRET_KEY": settings.secret_key,
        "PIN_PEPPER": settings.pin_pepper,
        "OFEKTOM_ENV": "development",
        "WEB_CONCURRENCY": "2",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }


@contextmanager
def gunicorn(
    settings: Settings, url: str, port: int, output: Path, app: str = "wsgi:app", **more: str
) -> Iterator[psutil.Process]:
    """The service as it runs in production: conf/gunicorn.py with two gevent workers on a real socket."""
    command = [sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py", app]
    with running(command, port, output, cwd=ROOT, env=environment(settings, url, port) | more) as process:
        yield psutil.Process(process.pid)


@dataclass(frozen=True)
class Reply:
    """What came over the wire; status 0 when the connection broke before an answer."""

    status: int
    body: dict
    headers: dict


class Wire:
    """Somebody who speaks to a port, one connection for each request."""

    def __init__(self, port: int, token: str | None = None):
        self.port, self.token = port, token

    def ask(self, method: str, path: str, body: dict | None = None, key: str | None = None) -> Reply:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            with closing(connection):
                connection.request(method, path, json.dumps(body).encode() if body is not None else None, headers)
                response = connection.getresponse()
                return Reply(response.status, json.loads(response.read()), dict(response.headers))
        except (ConnectionError, http.client.HTTPException):
            return Reply(0, {}, {})

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def mark(self, account: dict, key: str | None = None) -> Reply:
        """Mark the account's next day."""
        return self.ask("POST", f"/api/v1/savings/{account['id']}/markings", {"days": 1}, key)


class Collectors:
    """Collectors who mark accounts without pause until they are stopped, and keep what they were told, by key."""

    def __init__(self, mark, accounts: list[dict]):
        self.mark, self.stopping = mark, threading.Event()
        self.told: dict[str, tuple[dict, object]] = {}
        self.threads = [threading.Thread(target=self._walk, args=[account], daemon=True) for account in accounts]

    def _walk(self, account: dict) -> None:
        while not self.stopping.is_set():
            key = uuid.uuid4().hex
            reply = self.mark(account, key)
            self.told[key] = (account, reply)
            if reply.status != 201:
                self.stopping.wait(RETRY_SECONDS)

    def acknowledged(self) -> int:
        """How many markings somebody was told of."""
        return sum(reply.status == 201 for _, reply in list(self.told.values()))

    def start(self) -> "Collectors":
        """Send everybody off."""
        for thread in self.threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(TIMEOUT_SECONDS)
            assert not thread.is_alive()


@contextmanager
def walking(collectors: Collectors) -> Iterator[Collectors]:
    """Collectors who are on their way until the end of the block."""
    try:
        yield collectors.start()
    finally:
        collectors.stop()
