"""A slice that does not declare what it must stops the start, and the error names it."""

import sys

import pytest

import blueprints
from ofektom.app import create_app
from ofektom.discovery import DeclarationError, find_slices

WHOLE = '''
"""A domain of a test."""

from ofektom.views import Slice

bp = Slice("zebra", __name__, url_prefix="/zebra")
USES = set()
GRANTS = {}
'''


@pytest.fixture
def drop(tmp_path, monkeypatch):
    """Drops a folder `zebra` beside the slices, whose `__init__.py` is given."""
    monkeypatch.setattr(blueprints, "__path__", [*blueprints.__path__, str(tmp_path)])

    def write(text: str) -> None:
        (tmp_path / "zebra").mkdir()
        (tmp_path / "zebra" / "__init__.py").write_text(text)

    yield write
    for name in [name for name in sys.modules if name.startswith("blueprints.zebra")]:
        del sys.modules[name]
    vars(blueprints).pop("zebra", None)


def test_a_whole_slice_is_found_and_served(drop, settings):
    route = '@bp.get("", access="public")\ndef stripes():\n    """Stripes."""\n'
    drop(WHOLE + route)
    assert "zebra" in find_slices()
    client = create_app(settings, testing=True).test_client()
    assert client.get("/api/v1/zebra").status_code == 200


@pytest.mark.parametrize("missing", ["bp", "USES", "GRANTS"])
def test_every_declaration_is_needed(drop, settings, missing):
    drop(WHOLE.replace(f"{missing} =", "other ="))
    with pytest.raises(DeclarationError, match=f"zebra.* does not declare {missing}"):
        create_app(settings, testing=True)


@pytest.mark.parametrize(
    "grants", ['{"members.read": {"admin"}}', '{"zebra.read": {"janitor"}}', '{"zebra.read": {"Admin"}}']
)
def test_a_permission_is_granted_once_and_to_roles_that_exist(drop, settings, grants):
    drop(WHOLE.replace("GRANTS = {}", f"GRANTS = {grants}"))
    with pytest.raises(DeclarationError, match="zebra grants"):
        create_app(settings, testing=True)


def test_a_view_needs_a_permission_somebody_holds(drop, settings):
    route = '@bp.get("", access="zebra.read")\ndef stripes():\n    """Stripes."""\n'
    drop(WHOLE + route)
    with pytest.raises(DeclarationError, match=r"zebra\.stripes needs 'zebra\.read'"):
        create_app(settings, testing=True)


def test_a_view_routed_past_the_slice_has_no_access(drop, settings):
    drop(WHOLE + 'bp.add_url_rule("/open", "open", lambda: "hello")\n')
    with pytest.raises(DeclarationError, match=r"zebra\.open does not declare its access"):
        create_app(settings, testing=True)


def test_every_slice_is_found_in_one_order():
    names = list(find_slices())
    assert names == sorted(names)
    assert {"auth", "users", "ops"} <= set(names)
