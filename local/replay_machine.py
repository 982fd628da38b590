"""Install the service on a Debian machine as docs/operations.md says, and look at it run: `make replay-machine`.

The machine is a clean Debian that systemd-nspawn boots with a systemd of its own and no network but its loopback. The
commands are read from the document. What that does not show: a kernel and memory limits of the machine's own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from local import clean_root
from local.clean_root import show, timed
from local.programs import ROOT, CannotRun

DOCUMENT = ROOT / "docs" / "operations.md"
HEADING = "### On a Debian machine, with systemd"
# What a machine has, and an image has not.
PACKAGES = ["ca-certificates", "curl", "dbus", "systemd", "systemd-sysv"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PORTS = (8001, 8002, 8003)
BOOT_SECONDS = 60
MAIN_PID = "$(systemctl show --property=MainPID --value ofektom@8001)"
# Where Debian asks whether a server may be started while it is installed.
POLICY = Path("usr/sbin/policy-rc.d")


def main() -> int:
    """Install, boot, look; the exit status of the program."""
    if os.geteuid() != 0:
        raise CannotRun("the replay boots a machine: run it as root")
    install, start = commands()
    place = Path(tempfile.mkdtemp(prefix="ofektom-machine-"))
    try:
        root = place / "root"
        timed(f"debootstrap {clean_root.SUITE}", lambda: clean_root.make(root, PACKAGES))
        _put_tree(root)
        timed("install", lambda: _install(root, install))
        with booted(root) as machine:
            admin = timed("start", lambda: machine.run(start))
            look(machine, admin)
    finally:
        shutil.rmtree(place)
    return 0


def commands() -> list[str]:
    """The blocks of commands of the document's chapter: to install, and to start."""
    chapter = DOCUMENT.read_text().split(HEADING)[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    if len(blocks) != 2:
        raise CannotRun(f"{DOCUMENT.name} has {len(blocks)} blocks of commands under {HEADING!r}")
    return blocks


def _put_tree(root: Path) -> None:
    """The files of the last commit, as a clone has them."""
    target = root / "opt" / "ofektom"
    target.mkdir(parents=True)
    with subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", str(target)], stdin=archive.stdout, check=True)


def _install(root: Path, block: str) -> None:
    """Run the first block before the machine is booted: only then may it use the network."""
    (root / POLICY).write_text("#!/bin/sh\nexit 101\n")
    (root / POLICY).chmod(0o755)
    environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
    clean_root.run(root, ["bash", "-euc", block], environment=environment, network=True)
    (root / POLICY).unlink()


class Machine:
    """A booted machine."""

    def __init__(self, leader: int) -> None:
        self._enter = ["nsenter", f"--target={leader}", "--all", "--wdns=/opt/ofektom", "--"]

    def run(self, block: str, *, check: bool = True) -> str:
        """Run commands as root on it; what they printed. Raises CannotRun when they fail, unless told not to."""
        command = [*self._enter, "env", "--ignore-environment", f"PATH={PATH}", "bash", "-euc", block]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if check and done.returncode:
            log = self.run("journalctl --no-pager --lines=60", check=False)
            raise CannotRun(f"{block.strip()}\n{done.stdout}{done.stderr}\n{log}")
        return done.stdout.strip()

    def wait_for(self, block: str) -> None:
        """Wait until the commands succeed."""
        deadline = time.monotonic() + BOOT_SECONDS
        while self.run(f"({block}) >/dev/null 2>&1 && echo yes || true") != "yes":
            if time.monotonic() > deadline:
                self.run(block)
            time.sleep(0.2)


@contextmanager
def booted(root: Path) -> Iterator[Machine]:
    """Boot `root`; its systemd and all that it started end with the block."""
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
    # This machine's control groups may be of the old kind, which the newer systemd inside refuses.
    environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "env": environment}
    with subprocess.Popen([*command, "--boot", f"--directory={root}"], **options) as nspawn:
        try:
            machine = timed("boot", lambda: _wait_for_boot(nspawn))
            yield machine
            machine.run("systemctl poweroff --no-block")
            nspawn.wait(BOOT_SECONDS)
        finally:
            nspawn.kill()  # which ends all that it runs


def _wait_for_boot(nspawn: subprocess.Popen) -> Machine:
    deadline = time.monotonic() + BOOT_SECONDS
    while nspawn.poll() is None and time.monotonic() < deadline:
        if children := psutil.Process(nspawn.pid).children():
            machine = Machine(children[0].pid)
            if machine.run("systemctl is-system-running || true", check=False) in {"running", "degraded"}:
                return machine
        time.sleep(0.2)
    raise CannotRun("the machine does not boot")


def look(machine: Machine, admin: str) -> None:
    """Ask everything that was installed whether it does what the document says."""
    for port in PORTS:
        machine.wait_for(f"curl --fail --silent http://127.0.0.1:{port}/readyz")
    show(f"instances ready on {', '.join(map(str, PORTS))}, and through nginx:")
    show(machine.run("curl --fail --silent http://127.0.0.1/readyz; curl --fail --silent http://127.0.0.1:8001/health"))
    _sign_in(machine, admin)
    _look_at_confinement(machine)
    _look_at_reload(machine)
    _look_at_restart(machine)
    for name in ("verify", "seal-audit", "tidy"):
        machine.run(f"systemctl start ofektom-command@{name}")
        show(machine.run(f"journalctl --identifier=flask --unit=ofektom-command@{name} --output=cat | tail -1"))
    show(machine.run("systemctl list-timers --no-pager 'ofektom*' | cut -c1-110"))
    timed("systemctl stop ofektom.target", lambda: machine.run("systemctl stop ofektom.target 'ofektom@*'"))
    failed = machine.run("systemctl list-units --failed --no-legend 'ofektom*'")
    if failed:
        raise CannotRun(failed)


def _sign_in(machine: Machine, admin: str) -> None:
    """The super admin whom the last command made, through nginx: hashing, PostgreSQL and Redis, within the sandbox."""
    body = json.dumps({"login": "office", "secret": admin.splitlines()[-1].split()[-1]})
    answer = machine.run(
        "curl --silent --fail-with-body http://127.0.0.1/api/v1/auth/login -H 'Content-Type: application/json'"
        f" --data '{body}'"
    )
    token = json.loads(answer)["access_token"]
    me = machine.run(f"curl --silent --fail http://127.0.0.1/api/v1/auth/me -H 'Authorization: Bearer {token}'")
    show(f"signed in: {json.loads(me)['full_name']}")


def _look_at_confinement(machine: Machine) -> None:
    status = machine.run(f"grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/{MAIN_PID}/status")
    show("the master: " + " ".join(status.split()))
    words = dict(line.split(":\t", 1) for line in status.splitlines())
    wanted = {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    if words["Uid"].split()[0] == "0" or any(words[name] != value for name, value in wanted.items()):
        raise CannotRun("the service has more rights than its unit says")
    show(machine.run("systemd-analyze security --no-pager ofektom@8001 | tail -1"))


def _workers(machine: Machine) -> set[str]:
    return set(machine.run(f"pgrep --parent {MAIN_PID}").split())


def _look_at_reload(machine: Machine) -> None:
    before = _workers(machine)
    machine.run("systemctl reload ofektom@8001")
    deadline = time.monotonic() + BOOT_SECONDS
    while not (after := _workers(machine)).isdisjoint(before) or len(after) != len(before):
        if time.monotonic() > deadline:
            raise CannotRun(f"workers {before} are still there after a reload")
        time.sleep(0.2)
    show(f"reload: {len(before)} workers replaced")


def _look_at_restart(machine: Machine) -> None:
    machine.run("systemctl kill --signal=KILL --kill-whom=main ofektom@8002")
    machine.wait_for("test $(systemctl show --property=NRestarts --value ofektom@8002) = 1")
    machine.wait_for("curl --fail --silent http://127.0.0.1:8002/readyz")
    show("an instance whose master was killed was started again")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotRun as error:
        sys.exit(f"The replay failed: {error}")
