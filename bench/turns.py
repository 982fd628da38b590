"""A process that does something a number of times whenever it is told to, so that several can take turns."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def serve(act: Callable[[], None]) -> None:
    """In the process: read a number a line, do `act` so often, and answer with the seconds it took."""
    act()
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            act()
        print(time.perf_counter() - began, flush=True)


@contextmanager
def taking_turns(command: list[str], log: Path, **options) -> Iterator[subprocess.Popen]:
    """Such a process, from the moment it is ready."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with log.open("w") as sink, subprocess.Popen(command, stderr=sink, **pipes, **options) as process:
        try:
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"{command}: {log.read_text()[-2000:]}")
            yield process
        finally:
            process.terminate()


def turn(process: subprocess.Popen, times: int) -> float:
    """One turn; the seconds it took."""
    process.stdin.write(f"{times}\n")
    process.stdin.flush()
    return float(process.stdout.readline())
