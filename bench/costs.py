"""The budget table: CPU of application, PostgreSQL and Redis for each request, relative to a bare Flask view.

    .venv/bin/python -m bench.costs [--rounds 7] [--json FILE]

The service runs as in production (conf/gunicorn.py, two workers) on a PostgreSQL that keeps what it says. Rounds of
all cases alternate, so that what disturbs the machine disturbs them alike; figures are medians.
"""

import argparse
import json
import multiprocessing
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from argon2 import PasswordHasher

from bench.load import Outcome, drive
from bench.world import Case, build_cases
from local.postgres import embedded
from tests.conf.processes import ROOT, ask, free_port, redis_server, running, wait_for

WORKERS = 2
# Seconds until a server answers; it takes about three where nothing else runs.
PATIENCE = 180
SECRETS = {"SECRET_KEY": secrets.token_hex(32), "PIN_PEPPER": secrets.token_hex(32)}


@dataclass(frozen=True)
class Cost:
    """One round of a case: microseconds of CPU a request, by whom, and what the client saw."""

    cpu: dict[str, float]
    outcome: Outcome

    def figures(self) -> dict[str, float]:
        """The same as one dictionary: the CPU and its `total`, `per_second`, and `p50` and `p99` in milliseconds."""
        seen = {"p50": self.outcome.p50, "p99": self.outcome.p99}
        rate = self.outcome.requests / self.outcome.seconds
        return self.cpu | {"total": sum(self.cpu.values()), "per_second": rate} | seen


class Meter:
    """The CPU time that several kinds of processes have used, each named with the one they descend from."""

    def __init__(self, **roots: psutil.Process | None):
        self.roots = roots

    def read(self) -> dict[str, float]:
        """Seconds since each process began, its children included."""
        return {name: _seconds(root) if root else 0.0 for name, root in self.roots.items()}


def _seconds(root: psutil.Process) -> float:
    spent = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    gone = root.cpu_times()
    return spent + gone.children_user + gone.children_system


@contextmanager
def service(url: str, redis_url: str, folder: Path, **more: str) -> Iterator[tuple[int, psutil.Process]]:
    """The service with the bare view beside it; its port and master process. `more` are further settings."""
    port = free_port()
    environment = SECRETS | {
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "OFEKTOM_ENV": "development",
        "WEB_CONCURRENCY": str(WORKERS),
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py", "--max-requests", "0", "bench.served:app"]
    variables = os.environ | environment | more
    with running(command, port, folder / f"gunicorn-{port}.log", patience=PATIENCE, cwd=ROOT, env=variables) as process:
        wait_for(lambda: answers(port, "/livez"), PATIENCE)
        yield port, psutil.Process(process.pid)


def answers(port: int, path: str) -> bool:
    """Whether somebody answers: gunicorn listens before its workers have read the program."""
    with suppress(OSError):
        return ask(port, path).status < 500
    return False


def measure(meter: Meter, port: int, case: Case, *, strict: bool = True) -> Cost:
    """One round of a case. Answers that are not what they should be end the program, unless not `strict`."""
    before = meter.read()
    outcome = drive(port, case.requests(), total=case.total, connections=case.connections)
    time.sleep(0.05)
    after = meter.read()
    wrong = {status: count for status, count in outcome.statuses.items() if status != case.status}
    if wrong and (strict or case.status not in outcome.statuses):
        raise SystemExit(f"{case.name} at port {port}: unexpected answers {wrong}")
    return Cost({name: (after[name] - before[name]) / outcome.requests * 1e6 for name in before}, outcome)


def argon2_microseconds() -> float:
    """The CPU of one verification with the service's parameters, while each of as many processes does them."""
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        return statistics.median(pool.map(_hash_for_a_while, range(WORKERS), chunksize=1))


def _hash_for_a_while(_worker: int, passes: int = 40) -> float:
    hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
    hashed = hasher.hash("a long enough passphrase")
    began = time.process_time()
    for _ in range(passes):
        hasher.verify(hashed, "a long enough passphrase")
    return (time.process_time() - began) / passes * 1e6


def run(rounds: int, *, with_redis: bool) -> dict[str, dict]:
    """Median costs of every case by its name."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        url = stack.enter_context(embedded(folder / "postgres" / "data"))
        redis_url, redis = "", None
        if with_redis:
            redis_url = stack.enter_context(redis_server(free_port(), folder))
            redis = psutil.Process(int((folder / "pid").read_text()))
        cases = build_cases(url, SECRETS)
        port, gunicorn = stack.enter_context(service(url, redis_url, folder))
        postmaster = psutil.Process(int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
        meter = Meter(application=gunicorn, postgres=postmaster, redis=redis)
        costs: dict[str, list[Cost]] = {case.name: [] for case in cases}
        for number in range(rounds + 1):
            for case in cases:
                cost = measure(meter, port, case)
                if number:  # the first warms everything up
                    costs[case.name].append(cost)
        hashing = statistics.median(argon2_microseconds() for _ in range(3))
    return {name: summary(each) for name, each in costs.items()} | {"argon2": {"total": hashing}}


def summary(costs: list[Cost]) -> dict:
    """Medians over the rounds."""
    rounds = [cost.figures() for cost in costs]
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def main() -> None:
    """Measure with and without Redis, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=["cached", "uncached"])
    arguments = parser.parse_args()
    results = {
        name: run(arguments.rounds, with_redis=name == "cached")
        for name in ("cached", "uncached")
        if arguments.only in (None, name)
    }
    for name, figures in results.items():
        print(table(name, figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


def table(name: str, figures: dict[str, dict]) -> str:
    """One run as a Markdown table."""
    bare = figures["bare"]["total"]
    lines = [f"\n{name}\n", "| case | times bare | CPU µs | app | PostgreSQL | Redis | req/s | p50 ms | p99 ms |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for case, each in figures.items():
        if "application" not in each:
            lines.append(
                f"| {case} (one verification) | {each['total'] / bare:.2f} | {each['total']:.0f} | | | | | | |"
            )
            continue
        parts = " | ".join(f"{each[part]:.0f}" for part in ("total", "application", "postgres", "redis", "per_second"))
        lines.append(f"| {case} | {each['total'] / bare:.2f} | {parts} | {each['p50']:.1f} | {each['p99']:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
