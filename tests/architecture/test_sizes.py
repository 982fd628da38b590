"""Files, functions and views stay small enough to read."""

import ast
import subprocess

import pytest

from tests.architecture.reading import ROOT, SLICES, functions, lines

LONGEST_FILE, LONGEST_FUNCTION, LONGEST_VIEW = 400, 60, 15
NAMELESS = {"utils", "helpers", "common", "base", "misc", "core"}
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split()
OURS = [ROOT / name for name in TRACKED if not name.startswith("migrations/versions/")]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_has_a_name(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert path.stem not in NAMELESS
    if path.is_relative_to(ROOT / "tests"):
        return  # a story is as long as it is
    for function in functions(path):
        assert lines(function) <= LONGEST_FUNCTION, function.name


@pytest.mark.parametrize("folder", SLICES, ids=lambda path: path.name)
def test_a_view_only_translates(folder):
    for function in functions(folder / "routes.py"):
        assert lines(function) <= LONGEST_VIEW, function.name
        assert ast.get_docstring(function), f"{function.name} is documentation for callers and has none"


def test_public_functions_of_the_product_say_what_they_do():
    for path in OURS:
        if path.relative_to(ROOT).parts[0] not in {"ofektom", "blueprints"}:
            continue
        for function in ast.parse(path.read_text()).body:
            public = isinstance(function, ast.FunctionDef) and not function.name.startswith("_")
            if public and path.name != "routes.py" and function.name != "init_app":
                assert ast.get_docstring(function), f"{path}: {function.name}"
