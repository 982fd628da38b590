"""/health, /livez, /docs and the OpenAPI document."""

import time
from pathlib import Path

import flask_swagger_ui
from flask import current_app, render_template, send_from_directory

from blueprints.ops import queries, schemas
from ofektom import http, openapi
from ofektom.auth import PUBLIC
from ofektom.views import Slice

bp = Slice("ops", __name__, root="", template_folder="templates")

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
FIVE_MINUTES = 300
A_DAY = 86_400


@bp.get("/health", access=PUBLIC, answer=schemas.HealthOut())
def health():
    """Whether the service can do its work: 503 while the database does not answer."""
    healthy = queries.database_answers()
    body = {"status": "healthy" if healthy else "unhealthy", "timestamp": time.time()}
    return http.answer(200 if healthy else 503, body | {"database": "healthy" if healthy else "unreachable"})


@bp.get("/livez", access=PUBLIC, answer=schemas.LiveOut())
def live():
    """Whether this process answers at all; asks nobody else."""
    return {"status": "alive"}


@bp.get("/api/v1/openapi.json", access=PUBLIC, public_for=FIVE_MINUTES)
def openapi_document():
    """This API, as OpenAPI 3.1."""
    return http.raw_answer(200, openapi.encoded(current_app))


@bp.get("/docs", access=PUBLIC)
def docs():
    """A page to read the API on and try it."""
    return current_app.make_response(render_template("docs.html"))


@bp.get("/docs/assets/<name>", access=PUBLIC)
def docs_asset(name):
    """The scripts and styles of the page."""
    return send_from_directory(ASSETS, name, max_age=A_DAY)
