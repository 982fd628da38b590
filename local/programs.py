"""Programs that a command starts, watches, and takes down with itself."""

import ctypes
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
# A browser's idle connection would hold up Ctrl-C for as long as gunicorn waits in production.
STOP_SECONDS = 5
LAST_LINES = 20
LABEL_WIDTH = 8
PR_SET_PDEATHSIG = 1
# As in production, but for the patience at the end.
SERVICE = [
    *[sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py"],
    *["--graceful-timeout", str(STOP_SECONDS), "wsgi:app"],
]
WORKER = [sys.executable, "-m", "flask", "--app", "wsgi", "deliver"]


class CannotRun(Exception):
    """Why something cannot be started here, in words for whoever typed the command."""


@dataclass
class Program:
    """A running program; `last_words` is what it has written of late."""

    name: str
    process: subprocess.Popen
    last_words: Callable[[], str] = field(repr=False)

    def check(self) -> None:
        """Raises CannotRun when it has ended."""
        if self.process.poll() is not None:
            raise CannotRun(f"{self.name} ended:\n{self.last_words()}")


def stop_on_signal() -> threading.Event:
    """An event set by Ctrl-C, SIGTERM or a closed terminal; raising instead could cut a clean-up short."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def end_with_parent() -> None:
    """Have Linux send this process SIGTERM when its parent is gone, be it by `kill -9`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def port_for(text: str, command: str) -> int:
    """The free port that somebody asked for. Raises CannotRun, saying how to ask `command` for another."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotRun(f"PORT is {text!r}, which is not a port number")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            raise CannotRun(f"port {text} is not free ({error.strerror}). Try: PORT=8010 {command}") from None
    return int(text)


@contextmanager
def logged(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[Program]:
    """A program that writes to the file `log`, until the block ends."""
    with log.open("w") as output:
        process = _start(command, output, environment)
    try:
        yield Program(name, process, lambda: tail(log.read_text()))
    finally:
        process.terminate()
        process.wait()


@contextmanager
def labelled(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Program]:
    """A program each of whose lines is printed here after its name, until the block ends."""
    process = _start(command, subprocess.PIPE, environment)
    last: deque[str] = deque(maxlen=LAST_LINES)

    def pass_on() -> None:
        for line in process.stdout:
            last.append(line)
            print(f"{name:{LABEL_WIDTH}} | {line}", end="", flush=True)

    reader = threading.Thread(target=pass_on, daemon=True)
    reader.start()
    try:
        yield Program(name, process, lambda: "".join(last))
    finally:
        process.terminate()
        process.wait()
        reader.join(STOP_SECONDS)


def _start(command: Sequence[str], output, environment: Mapping[str, str]) -> subprocess.Popen:
    """Out of reach of the terminal's Ctrl-C, which is for us to pass on."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=end_with_parent,
    )


def wait_until_ready(programs: Sequence[Program], port: int, stopping: threading.Event) -> bool:
    """Wait for `GET /readyz` to answer 200; False when we are asked to stop before it does.

    Raises CannotRun when a program ends, or after a minute.
    """
    for _ in range(START_SECONDS * 10):
        for program in programs:
            program.check()
        if _is_ready(port):
            return True
        if stopping.wait(0.1):
            return False
    words = "\n".join(program.last_words() for program in programs)
    raise CannotRun(f"not ready within {START_SECONDS} s:\n{words}")


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_for_the_end(programs: Sequence[Program], stopping: threading.Event) -> None:
    """Until we are asked to stop. Raises CannotRun when a program ends before."""
    while not stopping.wait(0.5):
        for program in programs:
            program.check()
    print("\nStopping ...", flush=True)


def tail(text: str) -> str:
    """The last lines of `text`."""
    return "\n".join(text.strip().splitlines()[-LAST_LINES:])
