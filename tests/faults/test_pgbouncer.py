"""The service behind a real PgBouncer that lends a connection for one transaction at a time."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
import pytest

from local.postgres import embedded
from tests.cast import PIN, Cast, Staff
from tests.concurrency.race import assert_adds_up, balance
from tests.conf.processes import ROOT, free_port, program, running
from tests.faults.servers import Wire, application, gunicorn

# More in transactions than PostgreSQL has connections for.
CROWD, ROUNDS, SERVER_CONNECTIONS = 24, 4, 3
CONFIGURATION = """
[databases]
bounced = host={sockets} port=5432 dbname=bounced
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {place}/accounts
admin_users = operator
pool_mode = transaction
default_pool_size = {size}
"""


@dataclass(frozen=True)
class Bounced:
    """A database by its owner's two addresses: PgBouncer's and, for its superuser, PostgreSQL's own."""

    url: str
    direct: str
    console: str
    environment: dict

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Run a Python module with the settings of the service behind PgBouncer."""
        variables = os.environ | self.environment | {"DATABASE_URL": self.url}
        line = [sys.executable, "-m", *command]
        return subprocess.run(line, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)

    def alter_role(self, statements: str) -> None:
        """Do `statements` as superuser, and have PgBouncer open its connections anew."""
        _execute(self.direct, statements)
        _execute(self.console, "RECONNECT")


def _execute(url: str, statements: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statements)


@contextmanager
def pgbouncer(place: Path, sockets: Path) -> Iterator[int]:
    """Run PgBouncer before the PostgreSQL in `sockets`, as the account that may reach it; the port it listens on."""
    port, configuration, owner = free_port(), place / "pgbouncer.ini", sockets.stat()
    text = CONFIGURATION.format(sockets=sockets, port=port, place=place, size=SERVER_CONNECTIONS)
    configuration.write_text(text)
    (place / "accounts").write_text('"thrift" ""\n"operator" ""\n')
    place.chmod(0o755)
    # PgBouncer refuses to run as root.
    account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with running([program("pgbouncer"), str(configuration)], port, place / "pgbouncer.log", **account):
        yield port


@pytest.fixture(scope="module")
def bounced(tmp_path_factory, settings) -> Iterator[Bounced]:
    data_dir = tmp_path_factory.mktemp("bounced") / "data"
    with embedded(data_dir, fast=True) as url:
        _execute(url, "CREATE ROLE thrift LOGIN")
        _execute(url, "CREATE DATABASE bounced OWNER thrift")
        sockets = Path((data_dir / "postmaster.pid").read_text().splitlines()[4])
        with pgbouncer(tmp_path_factory.mktemp("bouncer"), sockets) as port:
            address = f"127.0.0.1:{port}"
            secrets = {"SECRET_KEY": settings.secret_key, "PIN_PEPPER": settings.pin_pepper}
            yield Bounced(
                url=f"postgresql://thrift@{address}/bounced",
                direct=url,
                console=f"postgresql://operator@{address}/pgbouncer",
                environment=secrets | {"OFEKTOM_ENV": "development", "DB_PGBOUNCER": "true", "HOST": "127.0.0.1"},
            )


@pytest.fixture(scope="module")
def parameters(bounced) -> dict[str, str]:
    """The role has the parameters of the settings; what they are."""
    printed = bounced.run("flask", "--app", "wsgi", "role-parameters")
    bounced.alter_role(printed.stdout)
    return {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
        "TimeZone": "UTC",
        "work_mem": "16MB",
        "random_page_cost": "1.1",
        "effective_cache_size": "4GB",
        "max_parallel_workers_per_gather": "2",
    }


@pytest.fixture(scope="module")
def cast(bounced, parameters, settings) -> Cast:
    """A business made through PgBouncer, its tables too."""
    return Cast(Staff(application(replace(settings, pgbouncer=True), bounced.url)))


def test_without_the_roles_parameters_it_does_not_start(bounced):
    bounced.alter_role("ALTER ROLE thrift RESET ALL")
    refused = bounced.run("gunicorn", "-c", "conf/gunicorn.py", "-b", f"127.0.0.1:{free_port()}", "wsgi:app")
    (line,) = [line for line in map(json.loads, refused.stdout.splitlines()) if line["level"] == "CRITICAL"]
    assert "statement_timeout is 0 and not 5s" in line["message"]
    assert refused.returncode == 1


def test_a_day_through_it(bounced, cast, parameters, settings, tmp_path):
    port, account = free_port(), cast.open_account(cast.funke, cycle_days=366)
    behind = {"DB_PGBOUNCER": "true", "DB_POOL_SIZE": "20"}
    with gunicorn(settings, bounced.url, port, tmp_path / "log", **behind):
        login = {"login": cast.chidi.phone, "secret": PIN}
        chidi = Wire(port, Wire(port).ask("POST", "/api/v1/auth/login", login).body["access_token"])
        key = uuid.uuid4().hex
        first, again = (chidi.mark(account, key) for _ in range(2))
        assert (first.status, again.body, again.headers["Idempotency-Replayed"]) == (201, first.body, "true")
        assert chidi.mark(account).status == 201
        request = {"account_id": account["id"], "amount": 10_000}
        assert Wire(port, cast.funke.token).ask("POST", "/api/v1/payments", request).status == 201
        crossed(cast, port)
        assert sessions(bounced) <= SERVER_CONNECTIONS
    assert in_force(bounced, parameters) == [parameters] * CROWD
    assert_adds_up(cast.app)


def crossed(cast: Cast, port: int) -> None:
    """Many at once, each on what is theirs: nobody hears what was another's."""
    people = [cast.ada, cast.chidi, cast.dupe, cast.emeka, cast.funke, cast.gbenga]
    accounts = [cast.open_account(cast.gbenga, cycle_days=366) for _ in range(CROWD)]

    def work(number: int) -> None:
        person, chidi = people[number % len(people)], Wire(port, cast.chidi.token)
        for _ in range(ROUNDS):
            me = Wire(port, person.token).get("/api/v1/auth/me")
            assert (me.status, me.body["id"]) == (200, person.user_id)
            assert chidi.mark(accounts[number]).status == 201

    with ThreadPoolExecutor(CROWD) as crowd:
        list(crowd.map(work, range(CROWD)))
    for account in accounts:
        assert balance(cast.app, cast.business_id, "savings", account["id"]) == (ROUNDS - 1) * account["contribution"]


def sessions(bounced: Bounced) -> int:
    """How many connections PostgreSQL has for the database."""
    with closing(psycopg2.connect(bounced.direct)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = 'bounced'")
        return cursor.fetchone()[0]


def in_force(bounced: Bounced, names: dict) -> list[dict]:
    """What each of many sessions at once runs with."""

    def ask(_: int) -> dict:
        with closing(psycopg2.connect(bounced.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.02)")
            cursor.execute("SELECT name, current_setting(name) FROM unnest(%s) AS asked (name)", [list(names)])
            return dict(cursor.fetchall())

    with ThreadPoolExecutor(CROWD) as crowd:
        return list(crowd.map(ask, range(CROWD)))
