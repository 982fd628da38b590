"""What an export of very many rows takes: time, bytes, and the worker's memory. `.venv/bin/python -m bench.exports`.

One gunicorn worker on a database of its own; the client reads as fast as it can. Beside the export somebody asks for
/livez again and again, to see what the worker's other requests notice of it.
"""

import argparse
import http.client
import os
import secrets
import sys
import tempfile
import threading
import time
from pathlib import Path

import flask_migrate
import psutil

from local.postgres import embedded
from ofektom.app import create_app
from ofektom.auth import issue_access_token
from ofektom.config import load_settings
from ofektom.extensions import db
from tests.conf.processes import ROOT, free_port, running, wait_for
from tests.conftest import MIGRATIONS
from tests.population import Size, populate

MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--collections", type=int, default=1_000_000)
    wanted = parser.parse_args().collections
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder) / "data", fast=True) as url:
        keys = {"SECRET_KEY": secrets.token_hex(32), "PIN_PEPPER": secrets.token_hex(32)}
        token = _prepare(url, keys, wanted)
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py", "wsgi:app"]
        variables = {"DATABASE_URL": url, "OFEKTOM_ENV": "development", "HOST": "127.0.0.1", "PORT": str(port)}
        environment = os.environ | variables | keys | {"WEB_CONCURRENCY": "1"}
        with running(command, port, Path(folder) / "log", cwd=ROOT, env=environment) as master:
            server = psutil.Process(master.pid)
            wait_for(lambda: server.children())
            _measure(port, token, server.children()[0])


def _prepare(url: str, keys: dict[str, str], wanted: int) -> str:
    """One business with about `wanted` collections; the token of its admin."""
    overrides = {"environment": "development", "database_url": url, "workers": 1}
    overrides |= {name.lower(): value for name, value in keys.items()}
    app = create_app(load_settings(overrides))
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
        days = 120
        size = Size(businesses=1, accounts=wanted * 10 // 9 // days, days=days)
        with db.engine.begin() as connection:
            populate(connection, size)
            statement = (
                "INSERT INTO sessions (user_id, business_id, expires_at)"
                " VALUES (1, 1, now() + interval '1 day') RETURNING id"
            )
            session_id = connection.exec_driver_sql(statement).scalar_one()
        return issue_access_token(1, session_id, 1)


def _measure(port: int, token: str, worker: psutil.Process) -> None:
    _ask(port, token, "payments").read()  # so that the worker has loaded what it needs
    before = most = worker.memory_info().rss
    waits, done = [], threading.Event()
    watcher = threading.Thread(target=_watch, args=[port, waits, done])
    watcher.start()
    began, lines, received, next_look = time.perf_counter(), 0, 0, 0
    answer = _ask(port, token, "collections")
    while piece := answer.read(MIB // 4):
        lines, received = lines + piece.count(b"\r\n"), received + len(piece)
        if received > next_look:
            most, next_look = max(most, worker.memory_info().rss), received + MIB
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    waits.sort()
    print(f"{lines - 1} rows, {received / MIB:.0f} MiB in {seconds:.1f} s: {(lines - 1) / seconds:.0f} rows/s")
    print(f"the worker's memory: {before / MIB:.1f} MiB before, at most {most / MIB:.1f} MiB")
    print(f"/livez meanwhile: p50 {waits[len(waits) // 2] * 1000:.0f} ms, greatest {waits[-1] * 1000:.0f} ms")


def _ask(port: int, token: str, subject: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", f"/api/v1/exports/{subject}.csv", "{}", headers)
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"{answer.status} {answer.read().decode()}")
    return answer


def _watch(port: int, waits: list[float], done: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not done.wait(0.05):
        began = time.perf_counter()
        connection.request("GET", "/livez")
        connection.getresponse().read()
        waits.append(time.perf_counter() - began)


if __name__ == "__main__":
    main()
