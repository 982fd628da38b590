"""The peers: their tables filled with our rows, their servers, and whether they answer as we do."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql

from bench.costs import PATIENCE, SECRETS, WORKERS, answers
from bench.world import World
from ofektom.identity import MEMBER_ROLES
from tests.conf.processes import ROOT, ask, free_port, running, wait_for

SCHEMAS = ("fastapi_peer", "django_peer")
# Parents before those who refer to them.
TABLES = ("businesses", "users", "memberships", "holidays", "sessions", "savings_accounts", "savings_terms")
TABLES += ("commissions", "ledger_accounts", "ledger_entries", "ledger_postings", "collections", "markings")
TABLES += ("receipt_counters", "audit_events")
# What each answer has of its own.
INCOMPARABLE = {"at", "check_code", "collection_id", "next", "access_token", "refresh_token"}


@dataclass(frozen=True)
class Peers:
    """The other environment: its Python, and what its programs need to know."""

    python: Path
    variables: dict[str, str]

    def run(self, *arguments: str) -> None:
        command = [self.python, *arguments]
        subprocess.run(command, cwd=ROOT, env=os.environ | self.variables, check=True, stdout=subprocess.DEVNULL)


def prepare(python: Path, url: str, redis_url: str, world: World, folder: Path) -> Peers:
    """Make the peers' tables and fill them with what ours have."""
    with world.cast.app.app_context():
        grants = world.cast.app.extensions["grants"]
        permissions = {str(role): grants.held_by({role}) for role in MEMBER_ROLES}
    (folder / "permissions.json").write_text(json.dumps(permissions))
    known = {"DATABASE_URL": url, "REDIS_URL": redis_url, "PERMISSIONS_FILE": str(folder / "permissions.json")}
    peers = Peers(python, SECRETS | known)
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for schema in SCHEMAS:
                cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            peers.run("-m", "bench.peers.fastapi_peer.database")
            settings = "--settings=bench.peers.django_peer.settings"
            peers.run("-m", "django", "migrate", "--run-syncdb", "--verbosity=0", f"--pythonpath={ROOT}", settings)
            for schema in SCHEMAS:
                for table in TABLES:
                    _copy(cursor, schema, table)
            cursor.execute("ANALYZE")
    return peers


def _copy(cursor, schema: str, table: str) -> None:
    """All rows of a table of ours, in the columns that the peer's has too; its own ids go on after them."""
    columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
    cursor.execute(f"{columns} INTERSECT {columns}", [schema, table, "public", table])
    names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in cursor.fetchall())
    target = sql.Identifier(schema, table)
    parts = {"target": target, "names": names, "source": sql.Identifier("public", table)}
    cursor.execute(sql.SQL("INSERT INTO {target} ({names}) SELECT {names} FROM {source}").format(**parts))
    cursor.execute(
        "SELECT pg_get_serial_sequence(%s, attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'id'",
        [f"{schema}.{table}"] * 2,
    )
    for (sequence,) in cursor.fetchall():
        if sequence:
            cursor.execute(sql.SQL("SELECT setval(%s, (SELECT max(id) + 1 FROM {}))").format(target), [sequence])


@contextmanager
def fastapi(peers: Peers, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """FastAPI's port and master process."""
    port = free_port()
    command = [peers.python, "-m", "uvicorn", "bench.peers.fastapi_peer.main:app", "--workers", str(WORKERS)]
    # On a busy machine a worker that is only slow would be taken for stuck, and killed, after 5 s.
    command += ["--timeout-keep-alive", "100", "--timeout-worker-healthcheck", "60"]
    with _serving(peers, [*command, "--port", str(port)], port, folder) as process:
        yield port, process


@contextmanager
def django(peers: Peers, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Django's port and master process."""
    port = free_port()
    command = [peers.python, "-m", "gunicorn", "bench.peers.django_peer.wsgi:application", "--workers", str(WORKERS)]
    command += ["--worker-class", "gthread", "--threads", "5", "--keep-alive", "100", "--access-logfile", "-"]
    with _serving(peers, [*command, "--bind", f"127.0.0.1:{port}"], port, folder) as process:
        yield port, process


@contextmanager
def _serving(peers: Peers, command: list, port: int, folder: Path) -> Iterator[psutil.Process]:
    variables = os.environ | peers.variables
    with running(command, port, folder / f"peer-{port}.log", patience=PATIENCE, cwd=ROOT, env=variables) as process:
        wait_for(lambda: answers(port, "/api/v1/auth/me"), PATIENCE)  # they listen before they have read their programs
        yield psutil.Process(process.pid)


def compare(world: World, ports: dict[str, int]) -> list[str]:
    """What is the same in all answers, in words; raises SystemExit where something is not.

    Times are compared as moments, for they may be written in several ways. Tokens, the page's cursor, a receipt's code,
    time and id are each program's own.
    """
    head = {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"}
    account, marked = world.accounts[0]["id"], world.to_mark[0][0]["id"]
    paths = {"me": "/api/v1/auth/me", "account": f"/api/v1/savings/{account}", "list of 50": "/api/v1/savings?limit=50"}
    paths |= {"card": f"/api/v1/savings/{account}/card"}
    for name, path in paths.items():
        _insist(name, {who: ask(port, path, headers=head) for who, port in ports.items()})
    key = {"Idempotency-Key": "the-same-for-all"}
    for name in ("marking", "the same marking again"):
        place, body = f"/api/v1/savings/{marked}/markings", b'{"days": 1}'
        answers = {who: ask(port, place, "POST", body, head | key) for who, port in ports.items()}
        _insist(name, answers, status=201)
    card = f"/api/v1/savings/{marked}/card"
    _insist("its card", {who: ask(port, card, headers=head) for who, port in ports.items()})
    one = world.people[0]
    login = json.dumps({"login": one.phone, "secret": one.secret}).encode()
    answers = {who: ask(port, "/api/v1/auth/login", "POST", login, head) for who, port in ports.items()}
    _insist("login", answers)
    token = {who: {"Authorization": f"Bearer {answer.json['access_token']}"} for who, answer in answers.items()}
    _insist("me, signed in there", {who: ask(port, paths["me"], headers=token[who]) for who, port in ports.items()})
    return [*paths, "marking", "the same marking again", "its card", "login", "me, signed in there"]


def _insist(name: str, answers: dict, status: int = 200) -> None:
    shown = {who: _comparable(answer.json) for who, answer in answers.items()}
    statuses = {who: answer.status for who, answer in answers.items()}
    if set(statuses.values()) != {status} or any(each != shown["ofektom"] for each in shown.values()):
        raise SystemExit(f"{name}: the answers differ: {statuses} {json.dumps(shown, default=str)[:4000]}")


def _comparable(value):
    if isinstance(value, dict):
        return {name: _comparable(each) for name, each in value.items() if name not in INCOMPARABLE}
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    if isinstance(value, str) and "T" in value:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value
