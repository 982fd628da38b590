"""docs/coverage.md names every call of the API, and none that is not there; what is missing is said, not left out."""

import re

import pytest

from tests.architecture.reading import ROOT
from tests.cast import Client

PAGE = (ROOT / "docs" / "coverage.md").read_text()
CALL = re.compile(r"`((?:GET|POST|PATCH|DELETE) /[^`]*)`")
AREAS = {"auth", "business", "units", "invitations", "savings", "markings", "payments", "commissions", "expenses"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the rows of the table under a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.fixture(scope="module")
def served(app) -> set[str]:
    """Every call of the served document, relative to /api/v1."""
    paths = Client(app).ok("GET", "/openapi.json")["paths"]
    return {f"{method.upper()} {path.removeprefix('/api/v1')}" for path, item in paths.items() for method in item}


def test_every_call_that_is_named_is_served(served):
    assert set(CALL.findall(PAGE)) - served == set()


def test_every_call_that_is_served_is_named(served):
    assert served - set(CALL.findall(PAGE)) == set()


def test_what_is_beyond_is_named_once_and_was_not_there_before():
    before, beyond = (CALL.findall(str(rows(heading))) for heading in ("What was there", "Beyond it"))
    assert len(beyond) == len(set(beyond))
    assert set(before) & set(beyond) == set()


def test_each_capability_has_its_calls_or_is_said_to_be_missing_or_left_out():
    found = rows("What was there")
    assert {area for area, *_ in found} >= AREAS | {"reports", "notifications", "settings", "search"}
    for area, what, here in found:
        assert CALL.match(here) or here.startswith(("**missing**", "left out: ")), (area, what)
