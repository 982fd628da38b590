"""deploy/rolling-restart.sh: three instances behind nginx are restarted one after the other, and nobody notices."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from local.postgres import embedded
from tests.cast import Cast, Staff
from tests.conf.processes import ROOT, ask, free_port, gunicorn, listens, wait_for
from tests.conf.proxy import nginx
from tests.faults.servers import application, environment
from tests.faults.traffic import PATIENCE_SECONDS, Traffic, flowing

INSTANCES = 3
RESTART = """#!/bin/sh
pid=$(cat {place}/$1.pid)
kill -TERM $pid
while kill -0 $pid 2>/dev/null; do sleep 0.05; done
"""
# Of an instance that nothing starts again.
LOSE = """#!/bin/sh
kill -TERM $(cat {place}/$1.pid)
while curl --silent --output /dev/null http://127.0.0.1:$1/; do sleep 0.05; done
"""


@contextmanager
def kept_running(command: list[str], port: int, variables: dict, output: Path) -> Iterator[None]:
    """Run `command`, and run it again whenever it ends, as systemd does; until the end of the block."""
    stopping, processes = threading.Event(), []

    def supervise() -> None:
        with output.open("w") as sink:
            while not stopping.is_set():
                processes.append(subprocess.Popen(command, cwd=ROOT, env=variables, stdout=sink, stderr=sink))
                processes[-1].wait()

    keeper = threading.Thread(target=supervise)
    keeper.start()
    try:
        wait_for(lambda: listens(port), PATIENCE_SECONDS)
        yield
    finally:
        stopping.set()
        processes[-1].terminate()
        keeper.join()


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("rolling")


@pytest.fixture(scope="module")
def ports(place, settings) -> Iterator[tuple[Cast, list[int]]]:
    """A business, and the ports of three instances that serve it."""
    ports = [free_port() for _ in range(INSTANCES)]
    with ExitStack() as stack:
        url = stack.enter_context(embedded(place / "postgres" / "data", fast=True))
        cast = Cast(Staff(application(settings, url)))
        for port in ports:
            command = [
                sys.executable,
                "-m",
                "gunicorn",
                "-c",
                "conf/gunicorn.py",
                "-p",
                f"{place}/{port}.pid",
                "wsgi:app",
            ]
            variables = environment(settings, url, port) | {"WEB_CONCURRENCY": "1", "PROXY_HOPS": "1"}
            stack.enter_context(kept_running(command, port, variables, place / f"{port}.log"))
        for port in ports:
            wait_for(lambda port=port: is_ready(port), PATIENCE_SECONDS)
        yield cast, ports


def is_ready(port: int) -> bool:
    try:
        return ask(port, "/readyz").status == 200
    except TimeoutError:
        return False


def roll(place: Path, ports: list[int], program: str = RESTART, **more: str) -> subprocess.CompletedProcess:
    """Run the script with a restart of these tests."""
    restart = place / "restart"
    restart.write_text(program.format(place=place))
    restart.chmod(0o755)
    command = [ROOT / "deploy" / "rolling-restart.sh", *map(str, ports)]
    variables = os.environ | {"RESTART": str(restart), "SETTLE_SECONDS": "2"} | more
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def pids(place: Path, ports: list[int]) -> set[str]:
    return {(place / f"{port}.pid").read_text() for port in ports}


def test_nobody_notices(place, ports):
    cast, ports = ports
    front = free_port()
    with nginx(place, front, ports), flowing(Traffic(cast, front)) as traffic:
        before = pids(place, ports)
        rolled = roll(place, ports)
        assert (rolled.returncode, rolled.stdout.count("ready again")) == (0, INSTANCES), rolled.stderr
        traffic.goes_on()
        assert not before & pids(place, ports)
    traffic.check()
    assert not [log for log in place.glob("*.log") if "SIGKILL" in log.read_text()]


def test_it_ends_at_one_that_does_not_come_back_and_begins_only_when_all_are_there(tmp_path):
    first, second = free_port(), free_port()
    with ExitStack() as stack:
        for port in (first, second):
            known = f"--pid {tmp_path}/{port}.pid"
            stack.enter_context(gunicorn(port, tmp_path / f"{port}.log", GUNICORN_CMD_ARGS=known))
        lost = roll(tmp_path, [first, second], LOSE, PATIENCE_SECONDS="1")
        assert (lost.returncode, lost.stderr) == (1, f"port {first} is not ready after 1 s; the rest was left alone\n")
        refused = roll(tmp_path, [second, first], LOSE)
        assert (refused.returncode, refused.stderr) == (1, f"port {first} is not ready; nothing was restarted\n")
        assert ask(second, "/").status == 200
