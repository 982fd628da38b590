"""Starting real servers on free ports, asking them things, and stopping exactly what was started."""

import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
# Debian keeps its servers where the PATH of an ordinary user does not lead.
SEARCH_PATH = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"
# Below those of which any connection of another test may get one before the server does that it was meant for.
PORTS = range(12_000, 32_000)
PATIENCE_SECONDS = 60  # of a machine that is busy; on a quiet one a second or two will do
# What conf/gunicorn.py insists on before it starts anything. Nobody answers at this address.
SETTINGS = {
    "DATABASE_URL": "postgresql://ofektom@127.0.0.1:1/ofektom",
    "SECRET_KEY": secrets.token_hex(32),
    "PIN_PEPPER": secrets.token_hex(32),
}


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def program(name: str) -> str:
    """The full path of an installed server."""
    path = shutil.which(name, path=SEARCH_PATH)
    assert path, f"{name} is not installed; `make test` sees to that"
    return path


@contextmanager
def running(
    command: list[str], port: int, output: Path, *, patience: float = PATIENCE_SECONDS, **options
) -> Iterator[subprocess.Popen]:
    """Run `command` until the block ends, from when it accepts connections on `port`, within `patience` seconds."""
    with output.open("w") as sink, subprocess.Popen(command, stdout=sink, stderr=sink, **options) as process:
        try:
            wait_for(lambda: listens(port) or process.poll() is not None, patience)
            assert process.poll() is None, output.read_text()
            yield process
        finally:
            process.terminate()


@contextmanager
def gunicorn(port: int, output: Path, workers: int = 1, **environment: str) -> Iterator[subprocess.Popen]:
    """Serve the tiny application with conf/gunicorn.py."""
    command = [sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py", "tests.conf.tiny_app:app"]
    variables = SETTINGS | {"PORT": str(port), "HOST": "127.0.0.1", "WEB_CONCURRENCY": str(workers)} | environment
    with running(command, port, output, cwd=ROOT, env=os.environ | variables) as process:
        yield process


@contextmanager
def redis_server(port: int, folder: Path, *options: str) -> Iterator[str]:
    """A Redis that keeps nothing on disk; yields its URL. It writes its process id to `folder`/pid."""
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running([*command, "--pidfile", str(folder / "pid"), *options], port, folder / "log"):
        yield f"redis://127.0.0.1:{port}/0"


def cut(server: subprocess.Popen) -> None:
    """End a server and all its workers at once, as a power cut does."""
    process = psutil.Process(server.pid)
    for one in [process, *process.children()]:
        one.kill()
    server.wait()


def listens(port: int) -> bool:
    """Whether a connection to `port` is accepted."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ask(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    client: str = "127.0.0.1",
) -> Answer:
    """One request on a connection of its own; `client` is the address it comes from."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(client, 0))
    with closing(connection):
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
