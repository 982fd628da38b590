"""What this checkout keeps on the machine: its database, its Redis, its secrets, and who can log in."""

import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.postgres import embedded
from local.programs import ROOT, CannotRun, end_with_parent, tail
from local.redis import own_redis

# Where the data, the secrets and the logs of this checkout live. The tests name another place.
STATE = Path(os.environ.get("OFEKTOM_STATE", ROOT / ".local"))
SECRETS = ("SECRET_KEY", "PIN_PEPPER")


@contextmanager
def environment(**decided: str) -> Iterator[dict[str, str]]:
    """What the service is started with: a migrated database, Redis where there is one, secrets, and what is `decided`.

    PostgreSQL is that of DATABASE_URL or this checkout's own, Redis as the environment says or this checkout's own.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    with _database_url() as database_url, _redis() as redis:
        found = {"DATABASE_URL": database_url, "HOST": "127.0.0.1", "OFEKTOM_ENV": "development"} | redis
        complete = kept_secrets(STATE / "env") | os.environ | found | decided
        _flask(complete, "db", "upgrade")
        yield complete


@contextmanager
def _database_url() -> Iterator[str]:
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    print("Starting PostgreSQL ...", flush=True)
    with embedded(STATE / "postgres") as url:
        yield url


@contextmanager
def _redis() -> Iterator[dict[str, str]]:
    if any(os.environ.get(name) for name in ("REDIS_URL", "REDIS_HOST", "REDIS_SENTINELS", "REDIS_CLUSTER")):
        yield {}
        return
    with own_redis(STATE, in_child=end_with_parent) as url:
        if not url:
            print("No redis-server here: running without a cache.", flush=True)
        yield {"REDIS_URL": url}


def kept_secrets(file: Path) -> dict[str, str]:
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
        raise CannotRun(f"`flask {' '.join(command)}` failed:\n{tail(done.stdout + done.stderr)}")
    return done.stdout


def people(environment: dict[str, str]) -> list[dict]:
    """Who can log in: made on an empty database, and remembered for the later runs on the same one."""
    file = STATE / "credentials.json"
    database = hashlib.sha256(environment["DATABASE_URL"].encode()).hexdigest()
    created = json.loads(_flask(environment, "sample-data", "--json"))
    if created["business"]:
        _write_private(file, json.dumps({"database": database, "people": created["people"]}, indent=2) + "\n")
        return created["people"]
    kept = json.loads(file.read_text()) if file.exists() else {}
    return kept["people"] if kept.get("database") == database else []
