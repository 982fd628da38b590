"""What nothing of its kind could do faster here: nginx, WSGI, Flask, argon2, PostgreSQL and Redis, each alone."""

import csv
import itertools
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url

from bench.costs import WORKERS, Meter, argon2_microseconds
from bench.load import encode
from bench.world import Case, World
from local import nginx
from local.postgres import BINARIES
from tests.conf.processes import free_port, program, running

SECONDS = 2
READS = 40_000
MARKING = Path(__file__).with_name("marking.sql")
Figures = dict[str, float]

STATIC = Case("nginx, a static file", lambda: [encode("GET", "/hello.json")], 6000)
WSGI = Case("a WSGI function", lambda: [encode("GET", "/wsgi")], 2000)
NGINX = """
    keepalive_requests 1000000;
    server {{ listen 127.0.0.1:{port}; root {place}/files; default_type application/json; }}
"""


@contextmanager
def static_files(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """An nginx with one small file; its port and master process."""
    port, place = free_port(), folder / "static"
    (place / "files").mkdir(parents=True)
    (place / "files" / "hello.json").write_text("{}\n")
    command = nginx.surrounded(place, NGINX.format(place=place, port=port), workers=WORKERS)
    with running(command, port, folder / "static.log") as process:
        yield port, psutil.Process(process.pid)


def argon2() -> Figures:
    """One verification, of two at a time, in µs of CPU."""
    return {"total": argon2_microseconds()}


def pgbench(url: str, world: World, group: int, postmaster: psutil.Process) -> Callable[[], Figures]:
    """Rounds of markings by pgbench over ten connections: µs of PostgreSQL's CPU for each, and how many a second."""
    ids = [account["id"] for account in world.to_mark[group]]
    ada, bases = world.cast.ada, itertools.count(0, 20_000)
    facts = {"first": ids[0], "last": ids[-1], "business": world.cast.business_id, "member": ada.id}
    facts |= {"user": ada.user_id, "n": 0}
    place = make_url(url)
    command = [str(BINARIES / "pgbench"), "--no-vacuum", "--protocol=prepared", "--client=10", "--jobs=2"]
    command += [f"--time={SECONDS}", f"--file={MARKING}", "-h", place.query["host"], "-U", place.username]
    command += [f"--define={name}={value}" for name, value in facts.items()]
    meter = Meter(postgres=postmaster)

    def round_() -> Figures:
        before = meter.read()
        last = [f"--define=base={next(bases)}", place.database]
        done = subprocess.run([*command, *last], capture_output=True, text=True, check=True).stdout
        number = {name: float(re.search(rf"{name}\D*([\d.]+)", done)[1]) for name in ("actually processed", "tps")}
        spent = meter.read()["postgres"] - before["postgres"]
        latency = float(re.search(r"latency average = ([\d.]+)", done)[1])
        cpu = spent / number["actually processed"] * 1e6
        return {"postgres": cpu, "total": cpu, "per_second": number["tps"], "mean": latency}

    return round_


def redis_get(url: str, redis: psutil.Process) -> Callable[[], Figures]:
    """Rounds of GET by redis-benchmark over ten connections: µs of Redis' CPU for each, and how many a second."""
    command = [program("redis-benchmark"), "-p", str(make_url(url).port), "-t", "get", "-c", "10", "-n", str(READS)]
    meter = Meter(redis=redis)

    def round_() -> Figures:
        before = meter.read()
        done = subprocess.run([*command, "--csv"], capture_output=True, text=True, check=True).stdout
        [row] = [row for row in csv.DictReader(done.splitlines()) if row["test"] == "GET"]
        cpu = (meter.read()["redis"] - before["redis"]) / READS * 1e6
        seen = {"per_second": float(row["rps"]), "p50": float(row["p50_latency_ms"])}
        return {"redis": cpu, "total": cpu, "p99": float(row["p99_latency_ms"])} | seen

    return round_
