"""A view that does not say who may call it does not start; a folder dropped into `blueprints/` is served."""

import shutil
import subprocess
import sys
import textwrap

import pytest
from flask import Blueprint

from ofektom import discovery
from ofektom.app import create_app
from ofektom.views import Slice
from tests.architecture.reading import ROOT


def test_every_view_declares_its_access(app):
    for endpoint, function in app.view_functions.items():
        assert getattr(function, "view", None) or endpoint in discovery.FRAMEWORK_VIEWS, endpoint


def test_a_plain_flask_view_stops_the_start(settings, monkeypatch):
    plain = Blueprint("plain", __name__)
    plain.add_url_rule("/plain", "open", lambda: "hello")
    bare = create_app(settings, testing=True)
    bare.register_blueprint(plain)
    with pytest.raises(discovery.DeclarationError, match=r"plain\.open"):
        discovery.check_views(bare)


def test_a_route_cannot_be_written_without_access():
    with pytest.raises(TypeError, match="access"):
        Slice("careless", __name__).get("/careless")


def test_a_permission_nobody_grants_stops_the_start(settings):
    bare = create_app(settings, testing=True)
    typo = Slice("typo", __name__)
    typo.get("/typo", access="savings.raed")(lambda: None)
    bare.register_blueprint(typo)
    with pytest.raises(discovery.DeclarationError, match=r"savings\.raed"):
        discovery.check_views(bare)


DROPPED_INIT = '''
"""A domain somebody else wrote."""

from blueprints.greetings.routes import bp
from ofektom.identity import Role

USES: set[str] = set()
GRANTS = {"greetings.read": {Role.ADMIN}}
'''
DROPPED_ROUTES = '''
"""/greetings."""

from marshmallow import Schema, fields

from ofektom.views import Slice

bp = Slice("greetings", __name__, url_prefix="/greetings")


class GreetingOut(Schema):
    text = fields.String()


@bp.get("", access="greetings.read", answer=GreetingOut())
def greeting(actor):
    """A greeting."""
    return {"text": f"member {actor.membership_id}"}
'''
CALL_IT = """
from ofektom.app import create_app
from ofektom.openapi import describe
app = create_app()
with app.app_context():
    operation = describe(app)["paths"]["/api/v1/greetings"]["get"]
print(app.test_client().get("/api/v1/greetings").status_code, operation["x-access"])
"""


def test_a_folder_dropped_in_is_served_and_documented_with_no_other_edit(tmp_path, settings, database_url):
    for name in ("ofektom", "blueprints"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "blueprints" / "greetings"
    folder.mkdir()
    (folder / "__init__.py").write_text(textwrap.dedent(DROPPED_INIT))
    (folder / "routes.py").write_text(textwrap.dedent(DROPPED_ROUTES))
    secrets = {"SECRET_KEY": settings.secret_key, "PIN_PEPPER": settings.pin_pepper, "OFEKTOM_ENV": "test"}
    done = subprocess.run(
        [sys.executable, "-c", CALL_IT],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path), "DATABASE_URL": database_url} | secrets,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["401 greetings.read"], done.stderr
