"""What a worker's memory is at rest, and after 100 000 requests of the mixed load. `make memory`.

One instance with two workers, as in production, that replaces none of them. RSS counts what workers share; USS is what
each has for itself alone. A leak shows as growth from one mark to the next after the first, which fills caches.
"""

import argparse
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench import report
from bench.cluster import REQUESTS, mixed
from bench.costs import SECRETS, WORKERS, service
from bench.load import drive
from bench.world import build_cases
from local.postgres import embedded
from tests.conf.processes import ROOT, free_port, redis_server, wait_for

RESULTS = ROOT / "bench" / "results" / "memory.json"
MIB = 1 << 20
CONNECTIONS = 20
PATIENCE_SECONDS = 120


def look(workers: list[psutil.Process]) -> dict[str, list[float]]:
    """MiB of each worker."""
    each = [worker.memory_full_info() for worker in workers]
    return {name: [round(getattr(one, name) / MIB, 1) for one in each] for name in ("rss", "uss")}


def run(total: int, marks: int) -> list[dict]:
    """What the workers had at rest and after each of `marks` equal parts of the load."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        url = stack.enter_context(embedded(folder / "postgres" / "data"))
        redis_url = stack.enter_context(redis_server(free_port(), folder))
        cases = {case.name: case for case in build_cases(url, SECRETS)}
        port, gunicorn = stack.enter_context(service(url, redis_url, folder))
        wait_for(lambda: len(gunicorn.children()) == WORKERS, PATIENCE_SECONDS)
        drive(port, mixed(cases)[:WORKERS], total=10 * WORKERS, connections=WORKERS)  # answered once they have booted
        workers = gunicorn.children()
        seen = [{"requests": 0} | look(workers)]
        for number in range(1, marks + 1):
            refused = 0
            for _ in range(total // marks // REQUESTS):
                outcome = drive(port, mixed(cases), total=REQUESTS, connections=CONNECTIONS)
                refused += sum(count for status, count in outcome.statuses.items() if status >= 400)
            if gunicorn.children() != workers:
                raise SystemExit("a worker was replaced meanwhile")
            seen.append({"requests": number * total // marks, "refused": refused} | look(workers))
            print(seen[-1], flush=True)
    return seen


def table(seen: list[dict]) -> str:
    """Rows of each mark."""
    lines = ["| requests | RSS of each worker, MiB | USS, MiB |", "|---|---|---|"]
    for mark in seen:
        rss, uss = (", ".join(map(str, mark[name])) for name in ("rss", "uss"))
        lines.append(f"| {mark['requests']:,} | {rss} | {uss} |".replace(",0", " 0"))
    return "\n".join(lines)


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--marks", type=int, default=5)
    arguments = parser.parse_args()
    seen = run(arguments.requests, arguments.marks)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(seen, indent=1) + "\n")
    report.publish({"memory": table(seen)})


if __name__ == "__main__":
    main()
