"""With systemd: the units, judged by systemd's own tools, and run by what they say."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conf.deployment import SYSTEMD, unit
from tests.conf.processes import ROOT, SETTINGS, ask, free_port, program, running

# In tenths, of 10; of systemd 252 and 257. What is left: the network, and system calls that Python needs.
EXPOSURE = 12
INSTANCES = {"ofektom@.service": "ofektom@8001.service", "ofektom-command@.service": "ofektom-command@verify.service"}
UNITS = sorted(
    INSTANCES.get(path.name, path.name)
    for path in SYSTEMD.iterdir()
    if path.suffix in {".service", ".timer", ".target"}
)
SERVICES = [name for name in UNITS if name.endswith(".service")]


@pytest.fixture
def machine(tmp_path) -> Path:
    """A root with systemd's own units and ours, and something at the places of the programs they start."""
    system = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(SYSTEMD, system)
    shutil.copytree("/lib/systemd/system", tmp_path / "usr" / "lib" / "systemd" / "system", symlinks=True)
    for place in ("opt/ofektom/.venv/bin/gunicorn", "opt/ofektom/.venv/bin/flask", "bin/kill"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", tmp_path / place)
    return tmp_path


def verify(machine: Path) -> str:
    command = [program("systemd-analyze"), f"--root={machine}", "verify", *UNITS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_the_units(machine):
    assert verify(machine) == ""
    changed = machine / "etc" / "systemd" / "system" / "ofektom@.service"
    changed.write_text(changed.read_text().replace("KillMode", "KilMode"))
    assert "KilMode" in verify(machine)


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_confined(machine, name):
    command = [
        program("systemd-analyze"),
        "security",
        f"--root={machine}",
        "--offline=yes",
        f"--threshold={EXPOSURE}",
        name,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout


def test_every_service_has_the_one_sandbox():
    for path in SYSTEMD.glob("*.service"):
        [drop_in] = (SYSTEMD / f"{path.name}.d").iterdir()
        assert drop_in.resolve() == SYSTEMD / "sandbox.conf"


def test_the_unit_starts_an_instance_that_tells_systemd_when_it_serves(tmp_path, database_url):
    port, said = free_port(), unit("ofektom@.service")
    sets = " ".join(said["Environment"]).replace("%i", str(port)).replace("%t", str(tmp_path)).split()
    file, *arguments = said["ExecStart"][0].split()
    command = [str(Path(sys.executable).parent / Path(file).name), *arguments]
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(15)
        environment = os.environ | SETTINGS | {"DATABASE_URL": database_url, "WEB_CONCURRENCY": "1"}
        environment |= dict(pair.split("=", 1) for pair in sets) | {"NOTIFY_SOCKET": address}
        with running(command, port, tmp_path / "log", cwd=ROOT, env=environment):
            assert said["Type"] == ["notify"]
            assert "READY=1" in systemd.recv(1000).decode().splitlines()
            assert ask(port, "/readyz").status == 200
            assert (tmp_path / f"ofektom-{port}" / "metrics").is_dir()


def test_the_example_of_its_environment_leaves_to_the_unit_what_differs_between_instances():
    sets = set(re.findall(r"(\w+)=", " ".join(unit("ofektom@.service")["Environment"])))
    assert not sets & set(re.findall(r"^(\w+)=", (SYSTEMD / "env.example").read_text(), re.MULTILINE))
    assert "PORT" in sets
