"""What an import of very many rows takes: time, and memory of the command and of PostgreSQL.

`.venv/bin/python -m bench.imports`. Each run is `flask import` in a process of its own, on a PostgreSQL that writes as
durably as in production, in which somebody has a business with some agents.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import flask_migrate
import psutil
import psycopg2

from local.postgres import embedded
from ofektom.app import create_app
from ofektom.config import load_settings
from ofektom.extensions import db
from tests.cast import Cast, Staff
from tests.conf.processes import ROOT
from tests.conftest import MIGRATIONS

MIB = 1 << 20
LOOK_SECONDS = 0.05


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--days-paid", type=int, default=10, help="ticks brought along, of each row")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder) / "data") as url:
        keys = {"SECRET_KEY": secrets.token_hex(32), "PIN_PEPPER": secrets.token_hex(32)}
        environment = os.environ | keys | {"DATABASE_URL": url, "OFEKTOM_ENV": "development"}
        business_id, agents = _open_business(url, keys)
        file = Path(folder) / "cards.csv"
        _write(file, agents, wanted.rows, wanted.days_paid)
        print(f"{wanted.rows} rows, {file.stat().st_size / MIB:.1f} MiB, {wanted.days_paid} days paid each")
        for options in (["--dry-run"], []):
            _run(url, environment, ["import", str(file), "--business", str(business_id), "--json", *options])
        _run(url, environment, ["verify", "--json"])


def _open_business(url: str, keys: dict[str, str]) -> tuple[int, list[str]]:
    """(the business's id, what its agents sign in with)."""
    overrides = {"environment": "development", "database_url": url, "workers": 1}
    app = create_app(load_settings(overrides | {name.lower(): value for name, value in keys.items()}), testing=True)
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    cast = Cast(Staff(app))
    with app.app_context():
        db.engine.dispose()
    return cast.business_id, [cast.chidi.phone, cast.dupe.phone, cast.emeka.phone]


def _write(file: Path, agents: list[str], rows: int, days_paid: int) -> None:
    with file.open("w") as out:
        out.write("reference,customer_name,phone,agent,kind,contribution,days_paid,opening_balance,held_in\n")
        for number in range(rows):
            contribution = 10_000 * (1 + number % 50)
            phone, agent = f"0803{number + 1_000_000:07d}", agents[number % len(agents)]
            owed = contribution * (days_paid - 1 if days_paid else 3)
            out.write(f"CARD-{number},Customer {number},{phone},{agent},daily,{contribution},{days_paid},{owed},bank\n")


@dataclass
class Watch:
    """The most memory of its own, and processor time in seconds, that any backend of a server has had."""

    server: psutil.Process
    most: int = 0
    busy: float = 0
    done: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.done.wait(LOOK_SECONDS):
            for backend in self.server.children():
                try:
                    self.most = max(self.most, backend.memory_full_info().uss)
                    times = backend.cpu_times()
                    self.busy = max(self.busy, times.user + times.system)
                except psutil.Error:  # it has ended
                    continue


def _run(url: str, environment: dict[str, str], arguments: list[str]) -> None:
    watch = Watch(_postmaster(url))
    watcher = threading.Thread(target=watch.look)
    watcher.start()
    began = time.perf_counter()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    watch.done.set()
    watcher.join()
    if process.returncode:
        sys.exit(said.decode()[:2000])
    shown = {name: value for name, value in json.loads(said).items() if not isinstance(value, list)}
    name, busy = " ".join(arguments[:1] + arguments[5:]), usage.ru_utime + usage.ru_stime
    print(f"{name}: {seconds:.1f} s, of which the command was busy {busy:.1f} s and PostgreSQL {watch.busy:.1f} s")
    most = f"{usage.ru_maxrss / 1024:.1f} MiB the command, {watch.most / MIB:.1f} MiB of its own a backend"
    print(f"  at most {most} of PostgreSQL")
    print(f"  {shown}")


def _postmaster(url: str) -> psutil.Process:
    """The server at `url`."""
    with closing(psycopg2.connect(url)) as connection:
        return psutil.Process(connection.info.backend_pid).parent()


if __name__ == "__main__":
    main()
