"""PostgreSQL servers of Debian's package, which has extensions and tools that the embedded one lacks."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conf.processes import wait_for

PACKAGED = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"  # the package's own; PostgreSQL refuses to run as root


def binaries() -> Path:
    """Where the programs of the newest installed version are."""
    found = sorted(PACKAGED.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    assert found, "PostgreSQL is not installed as a package; `make test` sees to that"
    return found[-1].parent


def as_account() -> dict:
    """How to run a program as the account that PostgreSQL runs as."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(ACCOUNT)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give(folder: Path) -> None:
    """Make a folder the account's."""
    account = as_account()
    if account:
        os.chown(folder, account["user"], account["group"])


def initialise(data: Path) -> None:
    """Make the data of a new server. The folder that it is to lie in is the account's."""
    initdb = [binaries() / "initdb", "-D", data, "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, cwd=data.parent, stdout=subprocess.DEVNULL, **as_account())


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[subprocess.Popen]:
    """Run the server of `data` with these settings, on a Unix socket in the folder that `data` is in."""
    home = data.parent
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    given = {"listen_addresses": "", "unix_socket_directories": str(home)} | settings
    server = [binaries() / "postgres", "-D", data, *(f"--{name}={value}" for name, value in given.items())]
    process = subprocess.Popen(server, cwd=home, **silent, **as_account())
    try:
        ready = [binaries() / "pg_isready", "--quiet", "--host", home, "--port", settings.get("port", "5432")]
        wait_for(lambda: process.poll() is not None or subprocess.run(ready, check=False).returncode == 0)
        assert process.poll() is None, "PostgreSQL did not start"
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown, which waits for nobody
        process.wait()


def address(data: Path) -> str:
    """The URL of the server of `data`."""
    return f"postgresql://postgres@/postgres?host={data.parent}"


@contextmanager
def debian_postgres(**settings: str) -> Iterator[str]:
    """A throw-away server with these settings; yields its URL."""
    home = Path(tempfile.mkdtemp(prefix="ofektom-", dir="/tmp"))  # short enough for a socket's path
    try:
        give(home)
        initialise(home / "data")
        with serving(home / "data", **({"fsync": "off"} | settings)):
            yield address(home / "data")
    finally:
        shutil.rmtree(home)
