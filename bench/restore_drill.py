"""The restore drill: backups of a busy database are made, it is lost, and what they give back is proved and timed.

    make restore-drill ARGS="--accounts 20000"

The service writes to a PostgreSQL that archives its WAL as deploy/backup/archive.conf says, while deploy/backup/*.sh
dump it and copy it. Then there is a moment that will be wanted back, more writing, and a power cut. The dump, the
moment and the last that was archived are each restored to a new server: `flask verify` finds nothing there, what was
acknowledged by then is there and nothing else is, and the service on it signs somebody in and marks a day.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import flask_migrate
import psutil
import psycopg2
from sqlalchemy import make_url

from ofektom.app import create_app
from ofektom.config import Settings, load_settings
from ofektom.extensions import db
from tests.cast import PIN, Cast, Staff
from tests.conf.debian_postgres import address, as_account, binaries, give, initialise, serving
from tests.conf.processes import ROOT, free_port, redis_server, wait_for
from tests.conftest import MIGRATIONS
from tests.faults.servers import Wire, environment, gunicorn, kill
from tests.faults.traffic import Traffic, flowing
from tests.population import Size, populate

SCRIPTS = ROOT / "deploy" / "backup"
OWNER, DATABASE = "thrift", "ofektom"  # the service's role is no superuser, as in production
# Archived so often, for the drill is short. The default of archive.conf is what it would lose in production.
ARCHIVE_SECONDS = 2
AFTERWARDS = 40  # requests


@dataclass
class Moment:
    """What the clients had been told by some time; `names` are what restore-to.sh takes for it."""

    names: dict[str, str]
    told: frozenset[int]


@dataclass
class Drill:
    """A place for servers and backups, and the figures so far: what, seconds, bytes."""

    place: Path
    settings: Settings
    figures: list[tuple[str, float | None, int | None]] = field(default_factory=list)

    def folder(self, name: str) -> Path:
        """A folder of the account that PostgreSQL runs as."""
        made = self.place / name
        made.mkdir(mode=0o700)
        give(made)
        return made

    @contextmanager
    def timed(self, what: str, size: Path | None = None) -> Iterator[None]:
        """Note how long the block took, and how large `size` is after it."""
        began = time.monotonic()
        yield
        self.figures.append((what, time.monotonic() - began, _bytes(size) if size else None))

    def script(self, name: str, *arguments: str | Path, url: str = "") -> str:
        """Run a script as that account, on the server at `url`; the last line that it prints."""
        sockets = make_url(url).query["host"] if url else ""
        variables = {"PATH": f"{binaries()}:{os.environ['PATH']}", "PGHOST": sockets, "PGUSER": "postgres"}
        variables["PGDATABASE"] = DATABASE
        done = subprocess.run(
            [SCRIPTS / name, *arguments],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
            **as_account(),
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return done.stdout.strip().rpartition("\n")[2]

    def flask(self, url: str, *command: str, **more: str) -> None:
        """Run a command of the application on the database at `url`; it must succeed."""
        line = [sys.executable, "-m", "flask", "--app", "wsgi", *command]
        variables = environment(self.settings, url, 0) | more
        done = subprocess.run(line, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def run(drill: Drill, size: Size, *, briefly: bool = False) -> None:
    """All of it, or what matters most; AssertionError when anything is not as it should be."""
    with ExitStack() as stack:
        url, server = stack.enter_context(_old_server(drill))
        cast = _fill(drill, url, size)
        drill.figures.append(("database", None, query(url, "SELECT pg_database_size(current_database())")[0][0]))
        redis = stack.enter_context(redis_server(free_port(), drill.place))
        use = _use(drill, url, cast, redis)
        kill(psutil.Process(server.pid))
        _restore_dump(drill, cast, use, serve=not briefly)
        with _copy(drill, "time", use.moment.names["time"]) as copy:
            assert _prove(drill, copy, cast, "time", redis) == use.moment.told
        if not briefly:
            _restore_the_rest(drill, cast, use)


@contextmanager
def _old_server(drill: Drill) -> Iterator[tuple[str, subprocess.Popen]]:
    """A durable server that archives, and the address of the service's database on it."""
    data = drill.folder("old") / "data"
    initialise(data)
    text = (SCRIPTS / "archive.conf").read_text().replace("/opt/ofektom", str(ROOT))
    text = text.replace("/var/backups/ofektom/wal", str(drill.folder("wal")))
    lines = [line.split(" = ") for line in text.splitlines() if not line.startswith("#")]
    settings = {name: value.strip("'") for name, value in lines} | {"archive_timeout": str(ARCHIVE_SECONDS)}
    with serving(data, **settings) as process:
        query(address(data), f"CREATE ROLE {OWNER} LOGIN")
        query(address(data), f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        yield of_service(address(data)), process


def _fill(drill: Drill, url: str, size: Size) -> Cast:
    """Years of business, and the cast of one more."""
    app = create_app(replace(drill.settings, database_url=url, redis_url=""), testing=True)
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    superuser = create_app(replace(drill.settings, database_url=of_superuser(url), redis_url=""), testing=True)
    with superuser.app_context(), db.engine.begin() as connection:
        populate(connection, size)
    return Cast(Staff(app))


@dataclass
class Use:
    """What happened on the old server: the dump, and what was told when it began; two moments; what was told in all."""

    dump: str
    before: frozenset[int]
    moment: Moment
    last: Moment
    told: frozenset[int]


def _use(drill: Drill, url: str, cast: Cast, redis: str) -> Use:
    """Write without a pause, and back up meanwhile."""
    port, backups, copies = free_port(), drill.folder("backups"), drill.folder("copies")
    with gunicorn(drill.settings, url, port, drill.place / "log", REDIS_URL=redis):
        with flowing(Traffic(cast, port)) as traffic:
            before = frozenset(traffic.acknowledged)
            with drill.timed("dump.sh", backups):
                dump = drill.script("dump.sh", backups, url=url)
            with drill.timed("base-backup.sh", copies):
                drill.script("base-backup.sh", copies, url=url)
            traffic.goes_on(AFTERWARDS)
            with traffic.still():
                moment = _now(url, traffic)
                time.sleep(0.01)  # nothing else may happen at that time, in microseconds
            # Of the future, as the restored server sees it, and remembered by Redis.
            cast.ada.ok("POST", f"/members/{cast.bola.id}/role", {"role": "agent"})
            wait_for(lambda: role(port, cast) == "agent")
            traffic.goes_on(AFTERWARDS)
            with traffic.still():
                last = _now(url, traffic)
            _wait_until_archived(url)
            traffic.goes_on(AFTERWARDS)
        assert not traffic.failures, traffic.failures[:5]
    return Use(dump, before, moment, last, frozenset(traffic.acknowledged))


def _now(url: str, traffic: Traffic) -> Moment:
    ((at, lsn),) = query(url, "SELECT clock_timestamp()::text, pg_current_wal_insert_lsn()::text")
    name = f"after {len(traffic.acknowledged)} markings"
    query(of_superuser(url), "SELECT pg_create_restore_point(%s)", [name])
    return Moment({"time": at, "lsn": lsn, "name": name}, frozenset(traffic.acknowledged))


def _wait_until_archived(url: str) -> None:
    """Wait until the archive has all that has been written by now."""
    ((segment,),) = query(of_superuser(url), "SELECT pg_walfile_name(pg_current_wal_lsn())")
    archived = "SELECT last_archived_wal >= %s FROM pg_stat_archiver"
    wait_for(lambda: query(of_superuser(url), archived, [segment])[0][0])


def _restore_dump(drill: Drill, cast: Cast, use: Use, *, serve: bool) -> None:
    data = drill.folder("dump") / "data"
    initialise(data)
    with serving(data):
        query(address(data), f"CREATE ROLE {OWNER} LOGIN")
        with drill.timed("restore.sh"):
            drill.script("restore.sh", use.dump, DATABASE, OWNER, url=address(data))
        assert use.before <= kept(of_service(address(data)), cast) <= use.told
        if serve:
            _prove(drill, of_service(address(data)), cast, "dump")
        else:
            drill.flask(of_service(address(data)), "verify")


def _restore_the_rest(drill: Drill, cast: Cast, use: Use) -> None:
    """The same moment by its other names, and all that was archived when the server was lost."""
    for kind in ("lsn", "name"):
        with _copy(drill, kind, use.moment.names[kind]) as url:
            assert kept(url, cast) == use.moment.told
    with _copy(drill, "latest", "latest") as url:
        found = _prove(drill, url, cast, "latest")
        assert use.last.told <= found <= use.told
    lost = f"latest: {len(use.told - found)} of {len(use.told)} markings were not archived when the server was lost"
    drill.figures.append((lost, None, None))


@contextmanager
def _copy(drill: Drill, name: str, target: str) -> Iterator[str]:
    """A server that is as the old one was at `target`; the address of the service's database on it."""
    data = drill.folder(name) / "data"
    (copy,) = (drill.place / "copies").iterdir()
    with ExitStack() as stack:
        with drill.timed(f"{name}: restore-to.sh, and the server has replayed the WAL"):
            drill.script("restore-to.sh", copy, drill.place / "wal", data, target)
            stack.enter_context(serving(data))
            wait_for(lambda: query(address(data), "SELECT NOT pg_is_in_recovery()")[0][0])
        yield of_service(address(data))


def _prove(drill: Drill, url: str, cast: Cast, name: str, redis: str = "") -> frozenset[int]:
    """That the database adds up and the service works on it; the markings it had before.

    With the Redis of the old service, which knows the future, that must be made to forget it.
    """
    with drill.timed(f"{name}: flask verify"):
        drill.flask(url, "verify")
    found, port = kept(url, cast), free_port()
    with ExitStack() as stack:
        with drill.timed(f"{name}: the service starts, signs in and marks"):
            log = drill.place / f"{name}.log"
            stack.enter_context(gunicorn(drill.settings, url, port, log, REDIS_URL=redis))
            marked = _mark(url, port, cast)
            assert marked not in found
        if redis:
            assert role(port, cast) == "agent", "Redis has forgotten by itself: the drill shows nothing"
            drill.flask(url, "flush-cache", REDIS_URL=redis)
            wait_for(lambda: role(port, cast) == "admin")
    return found


def _mark(url: str, port: int, cast: Cast) -> int:
    """Sign chidi in and have him mark a day; the marking's id."""
    signed_in = Wire(port).ask("POST", "/api/v1/auth/login", {"login": cast.chidi.phone, "secret": PIN})
    assert signed_in.status == 200, signed_in
    ((account,),) = query(url, "SELECT max(account_id) FROM collections WHERE business_id = %s", [cast.business_id])
    marked = Wire(port, signed_in.body["access_token"]).mark({"id": account})
    assert marked.status == 201, marked
    return marked.body["collection_id"]


def kept(url: str, cast: Cast) -> frozenset[int]:
    """The markings of the cast's business in a database."""
    found = query(url, "SELECT id FROM collections WHERE business_id = %s", [cast.business_id])
    return frozenset(row[0] for row in found)


def role(port: int, cast: Cast) -> str:
    """What the service on `port` takes bola for."""
    return Wire(port, cast.bola.token).get("/api/v1/auth/me").body["active"]["role"]


def query(url: str, statement: str, values: list | None = None) -> list[tuple]:
    """What a statement finds, in a transaction of its own."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def of_service(url: str) -> str:
    """The service's database on a server, with its own role."""
    return make_url(url).set(username=OWNER, database=DATABASE).render_as_string()


def of_superuser(url: str) -> str:
    """The same database, with all rights."""
    return make_url(url).set(username="postgres").render_as_string()


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def table(drill: Drill) -> str:
    """The figures, as Markdown."""
    lines = ["| what | seconds | MB |", "|---|---|---|"]
    for what, seconds, size in drill.figures:
        shown = "" if seconds is None else f"{seconds:.1f}", "" if size is None else f"{size / 1e6:.1f}"
        lines.append(f"| {what} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main() -> None:
    """Drill in a temporary folder, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=5_000, help="savings accounts with a month's markings each")
    size = Size(accounts=parser.parse_args().accounts)
    secret = {"secret_key": secrets.token_hex(32), "pin_pepper": secrets.token_hex(32)}
    settings = load_settings(secret | {"environment": "development", "database_url": "postgresql://"})
    with tempfile.TemporaryDirectory(prefix="ofektom-drill-") as place:
        Path(place).chmod(0o755)
        drill = Drill(Path(place), settings)
        run(drill, size)
        print(table(drill))


if __name__ == "__main__":
    main()
