"""/health, /livez, /readyz, /metrics, /docs and the OpenAPI document."""

import base64
import hashlib
import time
from importlib.metadata import version as version_of
from pathlib import Path

import flask_swagger_ui
import orjson
from flask import current_app, render_template, url_for
from markupsafe import Markup

from blueprints.ops import queries, schemas
from ofektom import caching, database, http, metrics, openapi
from ofektom.auth import OPERATOR, PUBLIC
from ofektom.examples import Example
from ofektom.views import OtherAnswer, Slice

bp = Slice("ops", __name__, root="", template_folder="templates")

ASSETS = http.Assets(Path(flask_swagger_ui.__file__).parent / "dist", version_of("flask-swagger-ui"))
FIVE_MINUTES = 300
DOCS_MAY_LOAD = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; "
    "img-src 'self' data:; style-src 'self' 'unsafe-inline'"
)


UNHEALTHY = OtherAnswer(503, "application/json", schemas.HealthOut())
NOT_READY = OtherAnswer(503, "application/json", schemas.ReadyOut())
AS_TEXT = [OtherAnswer(200, name) for name in metrics.TEXT_FORMATS]


@bp.get("/health", access=OPERATOR, answer=schemas.HealthOut(), other_answers=[UNHEALTHY])
def health():
    """What the service stands on: degraded while Redis does not answer, 503 while the database does not."""
    redis = caching.redis_info()["state"]
    alive = queries.database_answers()
    status = "unhealthy" if not alive else "healthy" if redis == "connected" else "degraded"
    body = {"status": status, "timestamp": time.time(), "redis": redis}
    body["database"] = "healthy" if alive else "unreachable"
    return http.momentary(200 if alive else 503, orjson.dumps(body))


@bp.get("/metrics", access=OPERATOR, answer=schemas.MetricsOut(), other_answers=AS_TEXT)
def numbers():
    """What all workers of this instance have counted; for Prometheus when the Accept header says so."""
    metrics.note_pool(database.get_connection_pool_status())
    wanted = http.preferred_type(["application/json", *metrics.TEXT_FORMATS])
    if wanted in metrics.TEXT_FORMATS:
        response = http.momentary(200, *metrics.exposition(wanted))
    else:
        redis = caching.redis_info()
        response = http.momentary(200, orjson.dumps({"timestamp": time.time(), "redis": redis} | metrics.summary()))
    response.vary.add("Accept")
    return response


@bp.get("/readyz", access=PUBLIC, answer=schemas.ReadyOut(), other_answers=[NOT_READY])
def ready():
    """Whether requests may be sent here: 503 while the database does not answer."""
    alive = queries.database_answers()
    return http.momentary(200 if alive else 503, orjson.dumps({"status": "ready" if alive else "not ready"}))


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
    """A page to read the API on and try it. It loads and asks nobody but us; Swagger UI writes styles into it."""
    start = f'SwaggerUIBundle({{url: "{url_for("ops.openapi_document")}", dom_id: "#api", deepLinking: true}})'
    digest = base64.b64encode(hashlib.sha256(start.encode()).digest()).decode()
    page = render_template("docs.html", version=ASSETS.version, start=Markup(start))  # noqa: S704 - our own constant
    response = current_app.make_response(page)
    response.headers["Content-Security-Policy"] = f"{DOCS_MAY_LOAD}; script-src 'self' 'sha256-{digest}'"
    return response


@bp.get(
    "/docs/assets/<version>/<name>",
    access=PUBLIC,
    example=Example(path={"version": ASSETS.version, "name": "swagger-ui.css"}),
)
def docs_asset(version, name):
    """The scripts and styles of the page."""
    return ASSETS.send(version, name)
