"""A clean Debian in a directory, made with debootstrap, in which the replays run what an image or a machine would run.

Needs root, and Debian's package `debootstrap`. How the network is reached is the machine's affair: its name servers,
its certificates and pip's settings are lent to a root while a command of it may use the network, and taken back.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

SUITE = "trixie"
# What says how the network is reached, by name.
OF_THE_NETWORK = re.compile(r"(?i)(pip_\w+|(https?|no|all)_proxy|ssl_cert_file|\w*_ca_bundle)")
PIP_SETTINGS = Path("/etc/pip.conf")


def timed(what: str, action: Callable):
    """Do `action` and say how long it took."""
    started = time.monotonic()
    result = action()
    show(f"{what}: {time.monotonic() - started:.1f} s")
    return result


def show(line: str) -> None:
    """Print a line at once, be it into a pipe."""
    print(line, flush=True)


def make(place: Path, packages: Sequence[str]) -> None:
    """Make `place` the root of a minimal Debian with `packages`, fetched from Debian's archive."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE, str(place)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def copy(source: Path, target: Path) -> None:
    """Make `target` the same root as `source`."""
    subprocess.run(["cp", "--archive", "--reflink=auto", str(source), str(target)], check=True)


def run(root: Path, command: Sequence[str], *, environment: Mapping[str, str], network: bool, cwd: str = "/") -> str:
    """Run `command` as root in `root`, in namespaces of its own, with `environment` and nothing else; what it printed.

    Raises CalledProcessError when it fails, after showing what it printed.
    """
    apart = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", *([] if network else ["--net"])]
    inside = [f"--root={root}", "--mount-proc=/proc", f"--wd={cwd}", "--", *command]
    with lent(root) if network else nullcontext({}) as more:
        done = subprocess.run(
            [*apart, *inside],
            env=dict(environment) | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        show(done.stdout)
    done.check_returncode()
    return done.stdout


@contextmanager
def lent(root: Path) -> Iterator[dict[str, str]]:
    """Let `root` reach the network as this machine does; yields the variables that say how."""
    variables = {name: value for name, value in os.environ.items() if OF_THE_NETWORK.fullmatch(name)}
    files = {Path("/etc/resolv.conf"), PIP_SETTINGS, *(Path(value) for value in variables.values())}
    if PIP_SETTINGS.is_file():  # which may name a file of certificates, too
        files |= {Path(found) for found in re.findall(r"(?m)^cert\s*=\s*(/\S+)", PIP_SETTINGS.read_text())}
    saved = {path: _exchange(root, path) for path in files if path.is_absolute() and path.is_file()}
    try:
        yield variables
    finally:
        for path, before in saved.items():
            _put(root / path.relative_to("/"), before)


def _exchange(root: Path, path: Path) -> bytes | None:
    """Put this machine's file into `root`; what was there before."""
    inside = root / path.relative_to("/")
    before = inside.read_bytes() if inside.exists() else None
    inside.parent.mkdir(parents=True, exist_ok=True)
    _put(inside, path.read_bytes())
    return before


def _put(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
