"""A Redis of this checkout's own, where the machine has one installed; the service works without."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 10
MEMORY = "64mb"


@contextmanager
def own_redis(folder: Path, *, in_child: Callable[[], None]) -> Iterator[str]:
    """Run redis-server and yield its URL; yield "" where there is none. `in_child` runs in the server's process first.

    It keeps nothing on disk. Raises OSError when the server does not start.
    """
    program = shutil.which("redis-server")
    if program is None:
        yield ""
        return
    port = _free_port()
    keep_nothing = ["--save", "", "--appendonly", "no", "--maxmemory", MEMORY, "--maxmemory-policy", "allkeys-lru"]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *keep_nothing]
    with (folder / "redis.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, preexec_fn=in_child)
    try:
        _wait_until_ready(server, port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_ready(server: subprocess.Popen, port: int) -> None:
    for _ in range(START_SECONDS * 20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise OSError("redis-server does not start; see redis.log")
