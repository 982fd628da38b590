"""A view that does not say who may call it does not start."""

import pytest
from flask import Blueprint

from ofektom import discovery
from ofektom.app import create_app
from ofektom.views import Slice


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
