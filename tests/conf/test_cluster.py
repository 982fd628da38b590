"""`make cluster`, by running it: three instances behind Nginx, their logs side by side, and a clean stop."""

import os
import re
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from local.postgres import embedded
from tests.conf.processes import ROOT, ask, free_port, wait_for
from tests.conf.test_run import is_alive

COMMAND = [sys.executable, "-m", "local.cluster"]
INSTANCES = 3


def three_free_ports() -> int:
    """The first of three free ports in a row."""
    for _ in range(100):
        first = free_port()
        try:
            for port in range(first, first + INSTANCES):
                with socket.create_server(("127.0.0.1", port)):
                    pass
        except OSError:
            continue
        return first
    raise AssertionError("no three free ports in a row")


class Cluster:
    """The running program, what it has printed, and whatever it has started."""

    def __init__(self, folder, state):
        self.port, self.first, self.output = free_port(), three_free_ports(), folder / "output"
        variables = {"OFEKTOM_STATE": str(state), "PORT": str(self.port), "FIRST_PORT": str(self.first)}
        environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        environment |= variables | {"WEB_CONCURRENCY": "1"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=output, stderr=output)

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def wait_until_ready(self) -> None:
        wait_for(lambda: "Ctrl-C" in self.printed or self.process.poll() is not None, seconds=60)
        assert self.process.poll() is None, self.printed

    def started(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """What the first start makes, for all tests."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def cluster(tmp_path, state):
    cluster = Cluster(tmp_path, state)
    yield cluster
    cluster.process.terminate()
    cluster.process.wait(30)


def test_it_serves_what_it_prints_and_leaves_nothing(cluster):
    cluster.wait_until_ready()
    started = cluster.started()
    commands = cluster.printed[cluster.printed.index("  TOKEN=") : cluster.printed.index("Documentation")]
    me = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=True).stdout
    assert '"full_name":"Ada Obi"' in me
    for path in ("/docs", "/api/v1/openapi.json", "/api/v1/banks"):
        assert ask(cluster.port, path).status == 200
    assert ask(cluster.port, "/health").status == 404
    healths = [ask(cluster.first + number, "/health") for number in range(INSTANCES)]
    assert {answer.json["status"] for answer in healths} == {"healthy"}
    for label in [*(f"web {cluster.first + number}" for number in range(INSTANCES)), "nginx"]:
        assert re.search(rf"^{label} +\| ", cluster.printed, re.MULTILINE), label
    cluster.process.send_signal(signal.SIGINT)
    assert cluster.process.wait(30) == 0
    assert cluster.printed.endswith("Stopped.\n")
    assert not any(is_alive(process) for process in started)


def test_killed_it_takes_everything_with_it_but_the_data(cluster, state):
    cluster.wait_until_ready()
    started = [process for process in cluster.started() if process.name() != "postgres"]
    cluster.process.kill()
    wait_for(lambda: not any(is_alive(process) for process in started), seconds=30)
    with embedded(state / "postgres"):  # which goes on until its next user has gone
        pass


def test_when_an_instance_ends_all_of_it_ends_and_says_so(cluster):
    cluster.wait_until_ready()
    masters = [one for one in cluster.started() if one.ppid() == cluster.process.pid and "wsgi:app" in one.cmdline()]
    assert len(masters) == INSTANCES
    masters[1].kill()
    assert cluster.process.wait(30) == 1
    assert "ended" in cluster.printed
