"""What growth costs: every read and marking at several sizes of one business, with 30 markings an account.

    make growth ARGS="--sizes 1000,100000"
    .venv/bin/python -m bench.growth --table      # writes the table of bench/results/growth.json to docs/performance.md

Each size has a PostgreSQL of its own, filled as fast as it can (--keep FOLDER keeps it for the next run) and then
measured on durable commits: latencies of single requests to the service as in production, the time PostgreSQL spent on
each by its own log, and the plans of its statements. With 30 markings an account is some 100 kB on the disk, and as
much again while it is filled: a million accounts with --days 10 take about 35 GB, and 70 for a while.
"""

import argparse
import http.client
import json
import re
import statistics
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

from flask import Flask
from sqlalchemy import event, text

from bench import report
from bench.costs import service
from bench.grown import SPREAD, Case, alter_system, application, cases, filled, members, table_rows, tokens
from bench.load import drive, encode
from ofektom.extensions import db
from tests.conf.processes import ROOT, free_port, redis_server
from tests.population import Size

RESULTS = ROOT / "bench" / "results" / "growth.json"
MARKINGS = 1000
LARGE = 10_000  # rows of a table that no request may read through
_DURATION = re.compile(rb"duration: ([0-9.]+) ms")
_OPEN = """
    SELECT a.id, m.parent_id FROM savings_accounts a JOIN memberships m ON m.business_id = 1 AND m.id = a.customer_id
    WHERE a.business_id = 1 AND a.state = 'not_started' AND m.status = 'active' ORDER BY a.id LIMIT :most
"""


class Log:
    """What PostgreSQL says of its statements' durations, as it is written."""

    def __init__(self, path: Path):
        self.file = path.open("rb")
        self.file.seek(0, 2)

    def milliseconds(self) -> float:
        """Of all statements since the last time."""
        return sum(map(float, _DURATION.findall(self.file.read())))


def measure_reads(port: int, log: Log, reads: list[Case], given: dict[str, str], samples: int) -> dict[str, dict]:
    """Latencies of each read, one request at a time, in milliseconds: of the whole and within PostgreSQL."""
    found = {}
    for case in reads:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers, whole, inside = {"Authorization": f"Bearer {given[case.role]}"}, [], []
        for number in range(samples + SPREAD):
            began = time.perf_counter()
            connection.request("GET", case.paths[number % len(case.paths)], headers=headers)
            answer = connection.getresponse()
            body, seconds = answer.read(), time.perf_counter() - began
            if answer.status != 200:
                raise SystemExit(f"{case.name}: {answer.status} {body[:300]!r}")
            spent = log.milliseconds()
            if number >= SPREAD:  # the first prepare their statements, and find nothing in memory
                whole.append(seconds * 1000)
                inside.append(spent)
        connection.close()
        found[case.name] = figures(whole, inside)
    return found


def figures(whole: list[float], inside: list[float]) -> dict[str, float]:
    """Medians and 95th percentiles."""
    named = {"service": whole, "database": inside}
    return {
        f"{name}_{label}": round(statistics.quantiles(values, n=20)[at], 3)
        for name, values in named.items()
        for label, at in (("p50", 9), ("p95", 18))
    }


def measure_markings(port: int, log: Log, app: Flask, samples: int) -> dict:
    """A day's cash on accounts that have begun none: one after the other, then ten at once, by their collectors."""
    with app.app_context():
        rows = db.session.execute(text(_OPEN), {"most": MARKINGS}).all()
    if not rows:
        raise SystemExit("all accounts of what was kept have begun: have it filled anew")
    given = tokens(app, sorted({row.parent_id for row in rows}))
    turns = [rows[number % len(rows)] for number in range(MARKINGS)]
    requests = [_marking(row.id, given[row.parent_id]) for row in turns]
    whole, inside = [], []
    log.milliseconds()
    for request in requests[:samples]:
        outcome = drive_one(port, request)
        whole.append(outcome)
        inside.append(log.milliseconds())
    bulk = drive(port, requests[samples:], total=MARKINGS - samples, connections=10)
    kept = bulk.statuses.get(201, 0)
    return figures(whole, inside) | {"bulk_per_second": round(kept / bulk.seconds, 1), "statuses": bulk.statuses}


def _marking(account_id: int, token: str) -> bytes:
    path = f"/api/v1/savings/{account_id}/markings"
    return encode("POST", path, token, b'{"days": 1}', Idempotency_Key=uuid.uuid4().hex)


def drive_one(port: int, request: bytes) -> float:
    """Milliseconds of one marking, on a connection of its own."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    method, path, _ = lines[0].split()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = dict(line.split(": ", 1) for line in lines[1:])
    connection.connect()
    began = time.perf_counter()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said, seconds = answer.read(), time.perf_counter() - began
    connection.close()
    if answer.status != 201:
        raise SystemExit(f"marking: {answer.status} {said[:300]!r}")
    return seconds * 1000


def read_through(app: Flask, reads: list[Case], given: dict[str, str]) -> dict[str, list[str]]:
    """The large tables that a request's statements read through, by the planner's word; who reads none is left out."""
    large, found, client = {name for name, rows in table_rows(app).items() if rows > LARGE}, {}, app.test_client()
    for case in reads:
        sent = []

        def note(connection, cursor, statement, parameters, context, executemany, sent=sent):
            if statement.lstrip().split()[0] in {"SELECT", "WITH"}:
                sent.append((statement, parameters))

        with app.app_context():
            engine = db.engine
            event.listen(engine, "before_cursor_execute", note)
        client.get(case.paths[0], headers={"Authorization": f"Bearer {given[case.role]}"})
        event.remove(engine, "before_cursor_execute", note)
        if through := large & _scanned(engine, sent):
            found[case.name] = sorted(through)
    return found


def _scanned(engine, sent: list[tuple]) -> set[str]:
    held = engine.raw_connection()
    try:
        cursor, tables = held.cursor(), set()
        for statement, parameters in sent:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            plan = json.dumps(cursor.fetchone()[0])
            tables |= set(re.findall(r'"Node Type": "Seq Scan"[^{}]*?"Relation Name": "(\w+)"', plan))
        return tables
    finally:
        held.close()


def command(app: Flask, *arguments: str) -> dict:
    """Seconds that a command took, and what it said."""
    began = time.monotonic()
    said = app.test_cli_runner().invoke(args=list(arguments))
    return {"seconds": round(time.monotonic() - began, 1), "said": said.stdout[-300:], "status": said.exit_code}


def run(place: Path, accounts: int, days: int, samples: int) -> dict:
    """All figures of one size."""
    size = Size(businesses=1, accounts=accounts, days=days)
    with ExitStack() as stack:
        url, seconds = stack.enter_context(filled(place, size))
        app = application(url)
        with app.app_context():
            disk = db.session.scalar(text("SELECT pg_database_size(current_database())"))
            db.session.remove()
        result = {
            "accounts": accounts,
            "days": days,
            "samples": samples,
            "fill_seconds": round(seconds),
            "gigabytes": round(disk / 1e9, 2),
        }
        result["reckon"] = command(app, "reckon", "--business", "1", "--json")
        asking = members(app, size)
        given = tokens(app, list(asking.values()))
        given = {role: given[member] for role, member in asking.items()}
        reads = cases(app, size)
        result["read_through"] = read_through(app, reads, given)
        alter_system(app, log_min_duration_statement="0")
        log = Log(place / "data.log")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis_url = stack.enter_context(redis_server(free_port(), folder))
        port, _ = stack.enter_context(service(url, redis_url, folder))
        result["reads"] = measure_reads(port, log, reads, given, samples)
        result["marking"] = measure_markings(port, log, app, samples)
        alter_system(app, log_min_duration_statement="-1")
        result["verify"] = command(app, "verify")
        with app.app_context():
            db.engine.dispose()
    return result


def table(results: list[dict]) -> str:
    """The figures side by side, with ratios to the smallest size."""
    first, sizes = results[0], [f"{result['accounts']:,}".replace(",", " ") for result in results]
    lines = [
        "| accounts | " + " | ".join(sizes) + " | ratio |",
        "|---" * (len(sizes) + 2) + "|",
    ]

    def row(name: str, values: list, ratio: str = "") -> None:
        lines.append(f"| {name} | " + " | ".join(map(str, values)) + f" | {ratio} |")

    row("markings of each", [result["days"] for result in results])
    row("filled in s", [result["fill_seconds"] or "kept" for result in results])
    row("GB on disk", [result["gigabytes"] for result in results])
    row("`flask reckon`, s", [result["reckon"]["seconds"] for result in results])
    row("`flask verify`, s", [result["verify"]["seconds"] for result in results])
    row("markings/s, ten at once", [result["marking"]["bulk_per_second"] for result in results])
    latencies = {"marking": [result["marking"] for result in results]}
    latencies |= {name: [result["reads"][name] for result in results] for name in first["reads"]}
    for name, each in latencies.items():
        ratio = each[-1]["service_p50"] / each[0]["service_p50"]
        row(name, [_cell(one) for one in each], f"{ratio:.2f}")
    return "\n".join(lines)


def _cell(one: dict) -> str:
    return "{service_p50:.1f} ({service_p95:.1f}); {database_p50:.2f} ({database_p95:.2f})".format(**one)


def main() -> None:
    """Measure the sizes that are asked for, beside those that were measured before, and write all down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,100000,1000000", help="accounts, parted by commas")
    parser.add_argument("--days", type=int, default=30, help="markings of each account, and its collectors' days")
    parser.add_argument("--samples", type=int, default=100, help="requests of each read")
    parser.add_argument("--keep", type=Path, help="keep the databases here, and use those that are here")
    parser.add_argument("--table", action="store_true", help="only write the table anew")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with ExitStack() as stack:
        place = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ofektom-growth-")))
        for accounts in [] if arguments.table else map(int, arguments.sizes.split(",")):
            results[str(accounts)] = run(place / str(accounts), accounts, arguments.days, arguments.samples)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    report.publish({"growth": table([results[key] for key in sorted(results, key=int)])})


if __name__ == "__main__":
    main()
