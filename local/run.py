"""`make run`: the service, its PostgreSQL and people to log in as, on this machine, until Ctrl-C."""

import ctypes
import hashlib
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.postgres import PostgresError, embedded
from local.redis import own_redis

ROOT = Path(__file__).resolve().parent.parent
# Where the data, the secrets and the log of this checkout live. The tests name another place.
STATE = Path(os.environ.get("OFEKTOM_STATE", ROOT / ".local"))
SECRETS = ("SECRET_KEY", "PIN_PEPPER")
START_SECONDS = 60
# A browser's idle connection would hold up Ctrl-C for as long as gunicorn waits in production.
STOP_SECONDS = 5
PR_SET_PDEATHSIG = 1


class CannotRun(Exception):
    """Why the service cannot be started here, in words for whoever typed `make run`."""


def main() -> int:
    """Start everything, explain it, and stop it again when told to."""
    stopping = _stop_on_signal()
    try:
        port = _free_port(os.environ.get("PORT", "8000"))
        STATE.mkdir(parents=True, exist_ok=True)
        with _database_url() as database_url, _redis() as redis:
            environment = _environment(database_url, port) | redis
            _flask(environment, "db", "upgrade")
            people = _people(environment)
            with _service(environment) as service:
                if _wait_until_healthy(service, port, stopping):
                    print(_guide(people, f"http://127.0.0.1:{port}"), flush=True)
                _wait_for_the_end(service, stopping)
    except (CannotRun, PostgresError, OSError) as problem:
        print(f"Ofektom cannot run: {problem}", file=sys.stderr)
        return 1
    print("Stopped.")
    return 0


def _stop_on_signal() -> threading.Event:
    """An event set by Ctrl-C, SIGTERM or a closed terminal; raising instead could cut a clean-up short."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _free_port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotRun(f"PORT is {text!r}, which is not a port number")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            raise CannotRun(f"port {text} is not free ({error.strerror}). Try: PORT=8010 make run") from None
    return int(text)


@contextmanager
def _database_url() -> Iterator[str]:
    """The database of DATABASE_URL, or the one this checkout keeps for itself."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    print("Starting PostgreSQL ...", flush=True)
    with embedded(STATE / "postgres") as url:
        yield url


@contextmanager
def _redis() -> Iterator[dict[str, str]]:
    """Where Redis is: as the environment says, or one of this checkout's own if the machine can run it."""
    if any(os.environ.get(name) for name in ("REDIS_URL", "REDIS_HOST", "REDIS_SENTINELS", "REDIS_CLUSTER")):
        yield {}
        return
    with own_redis(STATE, in_child=_end_with_parent) as url:
        if not url:
            print("No redis-server here: running without a cache.", flush=True)
        yield {"REDIS_URL": url}


def _environment(database_url: str, port: int) -> dict[str, str]:
    decided = {
        "DATABASE_URL": database_url,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "OFEKTOM_ENV": "development",
    }
    return _kept_secrets(STATE / "env") | os.environ | decided


def _kept_secrets(file: Path) -> dict[str, str]:
    """Secrets for development, made once: without them tokens and PINs would not outlive a restart."""
    lines = file.read_text().splitlines() if file.exists() else []
    kept = dict(line.split("=", 1) for line in lines if "=" in line)
    missing = [name for name in SECRETS if name not in kept]
    if missing:
        kept |= {name: secrets.token_hex(32) for name in missing}
        _write_private(file, "".join(f"{name}={value}\n" for name, value in kept.items()))
    return kept


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    unfinished = file.with_name(file.name + ".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.replace(file)


def _flask(environment: dict[str, str], *command: str) -> str:
    """Run a command of the application and give back what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotRun(f"`flask {' '.join(command)}` failed:\n{_tail(done.stdout + done.stderr)}")
    return done.stdout


def _people(environment: dict[str, str]) -> list[dict]:
    """Who can log in: made on an empty database, and remembered for the later runs on the same one."""
    file = STATE / "credentials.json"
    database = hashlib.sha256(environment["DATABASE_URL"].encode()).hexdigest()
    created = json.loads(_flask(environment, "sample-data").strip().splitlines()[-1])
    if created:
        _write_private(file, json.dumps({"database": database} | created, indent=2) + "\n")
        return created["people"]
    kept = json.loads(file.read_text()) if file.exists() else {}
    return kept["people"] if kept.get("database") == database else []


@contextmanager
def _service(environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """gunicorn as in production, out of reach of the terminal's Ctrl-C, which is for us to pass on."""
    command = ["gunicorn", "-c", "conf/gunicorn.py", "--graceful-timeout", str(STOP_SECONDS), "wsgi:app"]
    with _log().open("w") as log:
        service = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        yield service
    finally:
        service.terminate()
        service.wait()


def _end_with_parent() -> None:
    """Have Linux send this process SIGTERM when its parent is gone, be it by `kill -9`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _log() -> Path:
    return STATE / "service.log"


def _wait_until_healthy(service: subprocess.Popen, port: int, stopping: threading.Event) -> bool:
    """Wait for `GET /health` to answer 200; False when we are asked to stop before it does."""
    for _ in range(START_SECONDS * 10):
        if service.poll() is not None:
            raise CannotRun(f"gunicorn ended:\n{_tail(_log().read_text())}")
        if _is_healthy(port):
            return True
        if stopping.wait(0.1):
            return False
    raise CannotRun(f"no healthy answer within {START_SECONDS} s:\n{_tail(_log().read_text())}")


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def _wait_for_the_end(service: subprocess.Popen, stopping: threading.Event) -> None:
    while not stopping.wait(0.5):
        if service.poll() is not None:
            raise CannotRun(f"gunicorn ended:\n{_tail(_log().read_text())}")
    print("\nStopping ...", flush=True)


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-20:])


def _guide(people: list[dict], url: str) -> str:
    """What to do next: who can log in, the first two requests, where the documentation is."""
    return f"""
Ofektom is ready at {url}

{_who_can_log_in(people)}
{_first_requests(people, url)}
Documentation   {url}/docs
OpenAPI         {url}/api/v1/openapi.json
Log             {_log()}

Ctrl-C stops everything. The data stays in {STATE}; delete that to start afresh.
"""


def _who_can_log_in(people: list[dict]) -> str:
    if not people:
        return "Who can log in: people of this database that `make run` did not make, and so does not know.\n"
    widths = {key: max(len(person[key]) for person in people) for key in ("role", "name", "login")}
    rows = [
        f"  {person['role']:{widths['role']}}  {person['name']:{widths['name']}}"
        f"  login {person['login']:{widths['login']}}  secret {person['secret']}\n"
        for person in people
    ]
    return "Who can log in (with these secrets unless changed since):\n" + "".join(rows)


def _first_requests(people: list[dict], url: str) -> str:
    person = people[0] if people else {"login": "LOGIN", "secret": "SECRET"}
    body = shlex.quote(json.dumps({"login": person["login"], "secret": person["secret"]}))
    return f"""First requests, log in and ask who you are:
  TOKEN=$(curl -s {url}/api/v1/auth/login -H 'Content-Type: application/json' \\
    -d {body} | sed -n 's/.*"access_token": *"\\([^"]*\\)".*/\\1/p')
  curl -s {url}/api/v1/auth/me -H "Authorization: Bearer $TOKEN"
"""


if __name__ == "__main__":
    sys.exit(main())
