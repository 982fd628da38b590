"""What is looked for in the code, and the list of what it is made of."""

import json
import re
import subprocess
import sys

from tests.architecture.reading import ROOT

BIN = f"{sys.prefix}/bin"


def run(*command: str) -> subprocess.CompletedProcess:
    """A program of the virtual environment, as the Makefile runs it."""
    return subprocess.run([f"{BIN}/{command[0]}", *command[1:]], cwd=ROOT, capture_output=True, text=True)


def recipe(target: str) -> str:
    """What the Makefile does for a target."""
    return (ROOT / "Makefile").read_text().split(f"\n{target}: ")[1].split("\n\n")[0]


def test_bandit_finds_nothing_in_what_is_shipped():
    shipped = re.search(r"^SHIPPED := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    found = run("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *shipped)
    assert (found.returncode, found.stdout) == (0, "")


def test_bandit_would_find_something(tmp_path):
    (tmp_path / "bad.py").write_text("import pickle\n\npickle.loads(b'')\n")
    assert run("bandit", "--quiet", "--configfile", "pyproject.toml", str(tmp_path / "bad.py")).returncode == 1


def test_ruff_finds_nothing_unsafe_and_each_exception_says_why():
    assert run("ruff", "check", "--quiet", "--no-cache", "--select", "S", ".").returncode == 0
    command = ["git", "grep", "-nE", "noqa: S[0-9]{3}"]
    excused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in excused.stdout.splitlines() if not line.startswith(("docs/", "tests/"))]
    assert lines
    assert not [line for line in lines if not re.search(r"noqa: S\d{3} - \w", line)]


def test_the_list_of_components_is_that_of_the_pins_and_always_the_same(tmp_path):
    flags = recipe("sbom").split("cyclonedx-py ")[1].split(" --output-file")[0].split()
    for name in ("one.json", "two.json"):
        made = run("cyclonedx-py", *flags, "--output-file", str(tmp_path / name))
        assert made.returncode == 0, made.stderr
    one, two = ((tmp_path / name).read_text() for name in ("one.json", "two.json"))
    assert one == two
    pinned = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert [(part["name"], part["version"]) for part in json.loads(one)["components"]] == pinned
