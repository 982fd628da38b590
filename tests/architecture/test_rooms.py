"""Who may import what: the kernel nothing of the slices, a room only what belongs in it, a slice only what it USES."""

import importlib
import re

import pytest

from tests.architecture.reading import KERNEL, SLICES, TEMPLATES, imports, packages, slices_imported

ROOMS = {"__init__", "rules", "models", "queries", "services", "schemas", "routes", "commands"}
FORBIDDEN = {
    "rules": {"flask", "sqlalchemy", "marshmallow"},
    "models": {"flask", "marshmallow"},
    "queries": {"flask", "marshmallow"},
    "schemas": {"flask", "sqlalchemy"},
    "routes": {"sqlalchemy"},
}
ROOM_ORDER = ["rules", "models", "queries", "services", "schemas", "routes"]
THRIFT_WORDS = (
    "thrift|savings?|ajo|esusu|akawo|adashe|susu|slots?|markings?|cycles?|commissions?|contributions?|payouts?"
    "|withdrawals?|remittances?|collectors?|portfolios?|tracking|nuban|cash_?up"
)


@pytest.mark.parametrize("path", KERNEL, ids=lambda path: path.name)
def test_the_kernel_imports_no_slice(path):
    found = packages(path)
    if path.name == "discovery.py":  # finds them by name, at run time
        found.discard("blueprints")
    assert "blueprints" not in found


@pytest.mark.parametrize("path", [*KERNEL, *TEMPLATES], ids=lambda path: path.name)
def test_the_kernel_knows_no_thrift_word(path):
    """The kernel would serve a library or a clinic as well."""
    found = re.findall(rf"(?<![a-z])(?:{THRIFT_WORDS})(?![a-z])", path.read_text().replace("_", " ").lower())
    if path.name == "redis_servers.py":  # a Redis Cluster has slots, too: its keys are in them
        found = [word for word in found if not word.startswith("slot")]
    assert not found


@pytest.mark.parametrize("folder", SLICES, ids=lambda path: path.name)
def test_a_slice_has_only_the_fixed_rooms(folder):
    assert {path.stem for path in folder.glob("*.py")} <= ROOMS


@pytest.mark.parametrize("folder", SLICES, ids=lambda path: path.name)
def test_a_room_imports_only_what_belongs_in_it(folder):
    for room, forbidden in FORBIDDEN.items():
        path = folder / f"{room}.py"
        if path.exists():
            assert not packages(path) & forbidden, path


@pytest.mark.parametrize("folder", SLICES, ids=lambda path: path.name)
def test_rooms_build_on_each_other_in_one_direction(folder):
    """rules → models → queries → services → routes; schemas know rules only."""
    for index, room in enumerate(ROOM_ORDER):
        path = folder / f"{room}.py"
        if not path.exists():
            continue
        later = set(ROOM_ORDER[index + 1 :]) | ({"models", "queries", "services"} if room == "schemas" else set())
        used = {name.split(".")[2] for name in imports(path) if name.startswith(f"blueprints.{folder.name}.")}
        assert not used & later, f"{path} imports {used & later}"


@pytest.mark.parametrize("folder", SLICES, ids=lambda path: path.name)
def test_a_slice_imports_exactly_the_slices_it_declares(folder):
    used = set().union(*(slices_imported(path) for path in folder.glob("*.py"))) - {folder.name}
    declared = importlib.import_module(f"blueprints.{folder.name}").USES
    assert used == declared


def test_the_slices_do_not_use_each_other_in_a_circle():
    uses = {folder.name: set(importlib.import_module(f"blueprints.{folder.name}").USES) for folder in SLICES}
    while uses:
        free = {name for name, needed in uses.items() if not needed & uses.keys()}
        assert free, f"these slices use each other in a circle: {sorted(uses)}"
        uses = {name: needed for name, needed in uses.items() if name not in free}


@pytest.mark.parametrize("folder", SLICES, ids=lambda path: path.name)
def test_services_know_no_request(folder):
    """A verb may read the application's settings, but neither request nor response."""
    path = folder / "services.py"
    if path.exists():
        assert {name for name in imports(path) if name.startswith("flask.")} <= {"flask.current_app"}


def test_money_moves_only_through_the_ledger():
    """No code outside the kernel's ledger writes an entry, a posting or a balance."""
    for folder in SLICES:
        for path in folder.glob("*.py"):
            names = {name.rsplit(".", 1)[1] for name in imports(path) if name.startswith("ofektom.ledger.")}
            assert not names & {"LedgerEntry", "LedgerPosting"}, path
            if "LedgerAccount" in names:
                assert path.name == "queries.py", path
