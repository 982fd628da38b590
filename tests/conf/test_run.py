"""`make run`, by running it: whoever follows what it prints gets in, and Ctrl-C leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from local.checkout import kept_secrets
from tests.conf.processes import ROOT, ask, free_port

COMMAND = [sys.executable, "-m", "local.run"]


@contextmanager
def make_run(state: Path, port: int):
    """The running program and what it printed when it was ready; stopped as Ctrl-C would."""
    variables = {"OFEKTOM_STATE": str(state), "PORT": str(port), "WEB_CONCURRENCY": "1"}
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | variables
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        guide = ""
        for line in process.stdout:
            guide += line
            if "Ctrl-C" in line:
                break
        try:
            yield process, guide
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.skipif(not shutil.which("curl"), reason="the commands that are printed need curl")
def test_the_first_run_says_how_to_get_in_and_the_second_the_same(tmp_path):
    port = free_port()
    with make_run(tmp_path, port) as (process, guide):
        started = psutil.Process(process.pid).children(recursive=True)
        commands = guide[guide.index("  TOKEN=") : guide.index("Documentation")]
        me = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=True).stdout
        first = guide[guide.index("Who can log in") : guide.index("First requests")]
        assert json.loads(me)["full_name"] in first
        for path in re.findall(r"(?:Documentation|OpenAPI) +http://127.0.0.1:\d+(/\S+)", guide):
            assert ask(port, path).status == 200
    assert process.returncode == 0
    assert len(started) >= 4, "gunicorn, its worker, the worker that delivers, and PostgreSQL"
    assert not any(is_alive(child) for child in started)

    with make_run(tmp_path, port) as (process, guide):
        assert first in guide
    assert process.returncode == 0


def test_secrets_are_made_once_and_kept_private(tmp_path):
    file = tmp_path / "env"
    made = kept_secrets(file)
    assert len({*made.values()}) == len(made) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept_secrets(file) == made


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = os.environ | {"PORT": str(port), "OFEKTOM_STATE": str(tmp_path)}
        done = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"port {port} is not free" in done.stderr
    assert "Traceback" not in done.stderr
