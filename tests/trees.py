"""A tree with a database of its own, in which commands are run and which is served: this one, or a copy to change."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.reading import ROOT
from tests.concurrency.race import separate_database
from tests.conf.processes import Answer, ask, free_port, running, wait_for

FLASK = ("-m", "flask", "--app", "wsgi")
SEVERAL = """
import shlex, sys
from wsgi import app
for command in sys.argv[1:]:
    done = app.test_cli_runner().invoke(args=shlex.split(command))
    print(done.output)
    if done.exit_code:
        raise SystemExit(f"{command}: {done.exception!r}")
"""
BOOT_SECONDS = 60  # a busy machine takes many times what a quiet one does
CHEAP = {"ARGON2_MEMORY_KIB": "64", "ARGON2_PASSES": "1"}


@dataclass(frozen=True)
class Tree:
    """A folder, and the environment of what is run in it."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """What Python prints, run with arguments; it must succeed."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def flask(self, *commands: str) -> str:
        """What commands of the application print, run one after the other by one start of it."""
        return self.run("-c", SEVERAL, *commands)

    def changed(self) -> list[str]:
        """The files that are not as git knows them."""
        return _git(self.folder, "ls-files", "--modified", "--others", "--exclude-standard").splitlines()

    def add(self) -> None:
        """Let git know every file."""
        _git(self.folder, "add", "--all")

    @contextmanager
    def served(self, log: Path) -> Iterator["Caller"]:
        """Serve it by gunicorn, as production does."""
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py", "wsgi:app"]
        variables = self.environment | {"PORT": str(port), "HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
        with running(command, port, log, cwd=self.folder, env=variables):
            wait_for(lambda: _is_ready(port), BOOT_SECONDS)
            yield Caller(port)


@dataclass(frozen=True)
class Caller:
    """Somebody who speaks HTTP to a served tree."""

    port: int
    token: str | None = None

    def send(self, method: str, path: str, body: dict | None = None) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        sent = None if body is None else json.dumps(body).encode()
        return ask(self.port, f"/api/v1{path}", method, sent, headers)

    def sign_in(self, person: dict) -> "Caller":
        """The same, signed in as somebody of the sample."""
        answer = self.send("POST", "/auth/login", {name: person[name] for name in ("login", "secret")})
        return Caller(self.port, answer.json["access_token"])


def people_of(said: str) -> dict[str, dict]:
    """The people of the sample by their logins, with their secrets, of what `sample-data` printed last."""
    people = json.loads(said.strip().splitlines()[-1])["people"]
    return {person["login"]: person for person in people}


def _is_ready(port: int) -> bool:
    with suppress(OSError):  # gunicorn listens before its worker has booted
        return ask(port, "/readyz").status == 200
    return False


@contextmanager
def with_database(folder: Path, server_url: str, database: str) -> Iterator[Tree]:
    """The tree in `folder` with an empty database of its own on a server."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    secret = {name: secrets.token_hex(32) for name in ("SECRET_KEY", "PIN_PEPPER")}
    with separate_database(server_url, database) as url:
        place = {"OFEKTOM_ENV": "test", "DATABASE_URL": url, "PYTHONPATH": str(folder)}
        yield Tree(folder, kept | secret | CHEAP | place)


@contextmanager
def copied(folder: Path, server_url: str, database: str) -> Iterator[Tree]:
    """The same of a copy of what git knows or would take, in a repository of its own."""
    listed = _git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    with with_database(folder, server_url, database) as tree:
        yield tree


def _git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True).stdout
