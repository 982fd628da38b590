"""The pinned requirements: complete, hashed, and silent about where they came from."""

import re

import pytest

from tests.conf.processes import ROOT

PIN = re.compile(r"([a-z0-9-]+)(\[[a-z,]+\])?==([0-9][0-9a-z.]*)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
FILES = ["requirements", "requirements-dev"]


def pins(name: str) -> dict[str, str]:
    """Name and version of each pin; fails on a line that is anything else than a pin with its hashes."""
    found = {}
    for line in (ROOT / f"{name}.txt").read_text().replace("\\\n", " ").splitlines():
        pin, *hashes = line.split()
        match = PIN.fullmatch(pin)
        assert match, line
        assert hashes, f"{pin} has no hash"
        assert all(HASH.fullmatch(item) for item in hashes), f"{pin} has more than hashes"
        found[match[1]] = match[3]
    return found


def asked_for(name: str) -> set[str]:
    lines = (ROOT / f"{name}.in").read_text().splitlines()
    return {line.split("[")[0] for line in lines if line and not line.startswith(("#", "-r"))}


@pytest.mark.parametrize("name", FILES)
def test_whatever_is_asked_for_is_pinned_with_hashes(name):
    assert asked_for(name) <= pins(name).keys()


def test_development_has_the_versions_of_production():
    assert pins("requirements").items() <= pins("requirements-dev").items()


def test_production_has_no_test_tools():
    assert asked_for("requirements-dev").isdisjoint(pins("requirements"))
