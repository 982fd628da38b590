"""The documents say what is there: settings, error codes, commands, and the map of the tree."""

import re
import subprocess
from pathlib import Path

from ofektom.errors import Problem
from tests.architecture.reading import ROOT, SLICES

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()


def _rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| `")]


def test_every_setting_is_documented_and_none_that_is_not_read():
    read = set(re.findall(r'env\.\w+\("(\w+)"', (ROOT / "ofektom" / "config.py").read_text()))
    read |= set(re.findall(r"environ\.get\(['\"](\w+)['\"]", (ROOT / "conf" / "gunicorn.py").read_text()))
    rows = _rows(OPERATIONS[OPERATIONS.index("## Settings") : OPERATIONS.index("## Commands")])
    documented = {name for row in rows for name in re.findall(r"`([A-Z_0-9]+)`", row.split("|")[1])}
    assert documented == read


def test_every_command_is_documented(app):
    table = OPERATIONS[OPERATIONS.index("## Commands") : OPERATIONS.index("## Health")]
    documented = {match.split()[0] for match in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)}
    assert documented == set(app.cli.commands)


def test_every_error_is_documented_with_its_status(app):
    text = (ROOT / "docs" / "errors.md").read_text()
    rows = set(re.findall(r"^\| `([a-z_.]+)` \| (\d{3}) \| (.+) \|$", text, re.MULTILINE))
    assert rows == {(problem.code, str(problem.status), problem.title) for problem in Problem.by_code.values()}


def test_the_map_in_the_readme_is_the_tree():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    top = {name.split("/")[0] for name in listed} - {"README.md", ".gitignore"}
    rows = _rows(README[README.index("## Map") :])
    mapped = {name.rstrip("/") for row in rows for name in re.findall(r"`([\w./-]+)`", row)}
    rooms = {folder.name for folder in (ROOT / "tests").iterdir() if any(folder.glob("*.py"))}
    assert {name for name in top if not name.endswith(".in")} | {folder.name for folder in SLICES} | rooms <= mapped
    homes = [ROOT, ROOT / "blueprints", ROOT / "tests"]
    assert not [name for name in mapped if name != ".in" and not any((home / name).exists() for home in homes)]


def test_every_test_that_the_guides_table_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs" / "seed-guide.md").read_text())
    assert len(named) > 30
    assert not [pair for pair in named if f"def {pair[1]}(" not in (ROOT / pair[0]).read_text()]


def test_every_test_that_the_security_page_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", SECURITY)
    assert len(named) > 150
    assert not [pair for pair in named if f"def {pair[1]}(" not in (ROOT / pair[0]).read_text()]


def test_the_security_page_has_each_requirement_of_the_standard_once():
    """Of levels 1 and 2; each chapter's under its own heading, and none that does not exist."""
    lines = (Path(__file__).parent / "asvs.txt").read_text().splitlines()
    required = [line.split()[0] for line in lines if not line.startswith("#")]
    assert len(required) == 253
    chapters = re.split(r"\n### (\d+) .+\n", SECURITY.split("\n## OWASP ASVS 5.0.0\n")[1].split("\n## ")[0])
    answered = []
    for chapter, text in zip(chapters[1::2], chapters[2::2], strict=True):
        rows = re.findall(r"^\| (\d[\d., ]+) \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
        mine = [number for row in rows for number in row.split(", ")]
        assert {number.split(".")[0] for number in mine} == {chapter}
        answered += mine
    assert sorted(answered) == sorted(required)


def test_contributing_fits_on_a_page():
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 60
