"""One mixed load on one instance, and the same on three behind Nginx, as `make cluster` starts them.

    .venv/bin/python -m bench.cluster [--rounds 5] [--connections 20]

Rounds alternate between the two, over one database and one Redis; figures are medians. Nginx's rates are raised, for
the whole load comes from one address.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.costs import SECRETS
from bench.load import Outcome, drive
from bench.world import Case, build_cases
from local import nginx
from local.postgres import embedded
from tests.conf.processes import ROOT, free_port, redis_server, running

INSTANCES = 3
# How often each case comes in a hundred requests: an office looks more often than it writes.
MIX = {"me": 40, "account": 20, "list of 50": 15, "card": 15, "marking": 10}
REQUESTS = 2000
POOL = {"DB_POOL_SIZE": "10", "DB_POOL_OVERFLOW": "20"}


@contextmanager
def instance(url: str, redis_url: str, folder: Path) -> Iterator[int]:
    """An instance with two workers, as in production; its port."""
    port = free_port()
    place = {"DATABASE_URL": url, "REDIS_URL": redis_url, "HOST": "127.0.0.1", "PORT": str(port)}
    how = {"OFEKTOM_ENV": "development", "WEB_CONCURRENCY": "2", "PROXY_HOPS": "1", "INSTANCES": str(INSTANCES + 1)}
    command = [sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py", "wsgi:app"]
    with running(command, port, folder / f"{port}.log", cwd=ROOT, env=os.environ | SECRETS | POOL | place | how):
        yield port


@contextmanager
def front(ports: list[int], folder: Path) -> Iterator[int]:
    """Nginx before the instances; its port."""
    port = free_port()
    values = {f"OFEKTOM_BACKEND_{number}": f"127.0.0.1:{each}" for number, each in enumerate(ports, 1)}
    values |= {"OFEKTOM_LISTEN": f"127.0.0.1:{port}", "OFEKTOM_API_RATE": "100000r/s"}
    place = folder / "nginx"
    place.mkdir()
    with running(nginx.command(place, values), port, folder / "nginx.log"):
        yield port


def mixed(cases: dict[str, Case]) -> list[bytes]:
    """A round's requests, shuffled the same way each time but for their idempotency keys."""
    each = {name: cases[name].requests() for name in MIX}
    turns = [name for step in range(100) for name, share in MIX.items() if step * share % 100 < share]
    taken: Counter[str] = Counter()
    requests = []
    for number in range(REQUESTS):
        name = turns[number * 37 % len(turns)]
        requests.append(each[name][taken[name] % len(each[name])])
        taken[name] += 1
    return requests


def run(rounds: int, connections: int) -> dict[str, list[Outcome]]:
    """The outcomes of all rounds, by what was driven. The first round of each warms up and is not counted."""
    outcomes: dict[str, list[Outcome]] = {"one instance": [], "three behind Nginx": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        url = stack.enter_context(embedded(folder / "postgres" / "data"))
        redis_url = stack.enter_context(redis_server(free_port(), folder))
        cases = {case.name: case for case in build_cases(url, SECRETS)}
        one, *three = [stack.enter_context(instance(url, redis_url, folder)) for _ in range(INSTANCES + 1)]
        ports = {"one instance": one, "three behind Nginx": stack.enter_context(front(three, folder))}
        for number in range(rounds + 1):
            for name, port in ports.items():
                outcome = drive(port, mixed(cases), total=REQUESTS, connections=connections)
                if number:
                    outcomes[name].append(outcome)
    return outcomes


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=20)
    arguments = parser.parse_args()
    print(
        f"{REQUESTS} requests a round over {arguments.connections} connections, medians of {arguments.rounds} rounds\n"
    )
    print("| what | requests/s | p50 ms | p99 ms | errors |\n|---|---|---|---|---|")
    for name, each in run(arguments.rounds, arguments.connections).items():
        rate = statistics.median(outcome.requests / outcome.seconds for outcome in each)
        p50, p99 = (statistics.median(getattr(outcome, field) for outcome in each) for field in ("p50", "p99"))
        errors = sum(count for outcome in each for status, count in outcome.statuses.items() if status >= 400)
        print(f"| {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {errors} of {sum(o.requests for o in each)} |")


if __name__ == "__main__":
    main()
