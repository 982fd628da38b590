"""A PostgreSQL server of Debian's package, which has the extensions that the embedded one lacks."""

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


@contextmanager
def debian_postgres(**settings: str) -> Iterator[str]:
    """A throw-away server with these settings, on a Unix socket; yields its URL."""
    home = Path(tempfile.mkdtemp(prefix="ofektom-", dir="/tmp"))  # short enough for a socket's path
    options = {"cwd": home, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(home, account.pw_uid, account.pw_gid)
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        with _running(home, settings, options):
            yield f"postgresql://postgres@/postgres?host={home}"
    finally:
        shutil.rmtree(home)


@contextmanager
def _running(home: Path, settings: dict[str, str], options: dict) -> Iterator[None]:
    data = home / "data"
    initdb = [binaries() / "initdb", "-D", data, "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, **options)
    given = {"listen_addresses": "", "unix_socket_directories": str(home), "fsync": "off"} | settings
    server = [binaries() / "postgres", "-D", data, *(f"--{name}={value}" for name, value in given.items())]
    process = subprocess.Popen(server, **options)
    try:
        ready = [binaries() / "pg_isready", "--quiet", "--host", home, "--port", settings.get("port", "5432")]
        wait_for(lambda: process.poll() is not None or subprocess.run(ready, check=False).returncode == 0)
        assert process.poll() is None, "PostgreSQL did not start"
        yield
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown, which waits for nobody
        process.wait()
