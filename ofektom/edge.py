"""Flask as this service uses it: no cookie sessions, no coroutines, and one place where a request begins and ends."""

import logging
import os
import re
import time
from collections.abc import Callable
from types import MappingProxyType

from flask import Flask, Response
from flask.globals import app_ctx, request_ctx
from flask.sessions import SessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from ofektom import logs, metrics
from ofektom.http import IdConverter

# What an answer carries unless it says something else. What is no page loads nothing, is shown in no frame and tells
# nobody where its reader came from. A page says more.
_UNLESS_GIVEN = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

# What a request made within a context of the application, as a command makes it, would inherit from the one before.
_OF_A_REQUEST = ("actor", "by_cookie", "caller", "body", "form", "refused", "rehearsing", "response_place")


class _NoSessions(SessionInterface):
    """Who calls is in the Authorization header or, of a page, in a cookie of ours; Flask's own means nothing here."""

    nothing = MappingProxyType({})

    def open_session(self, app, request):
        return self.nothing

    def is_null_session(self, session) -> bool:
        return True


class Service(Flask):
    """The application. What it leaves out of Flask is a third of what Flask costs a short request."""

    session_interface = _NoSessions()

    def ensure_sync(self, function: Callable) -> Callable:
        return function

    def add_middleware(self, middleware: type, **options) -> None:
        """Install `middleware(app, **options)`."""
        middleware(self, **options)

    def preprocess_request(self):
        """Give the request its id (the caller's when it has a sane one) and its start time."""
        g, given = app_ctx.g, request_ctx.request.environ.get("HTTP_X_REQUEST_ID")
        if vars(g):
            for name in _OF_A_REQUEST:
                g.pop(name, None)
        g.request_id = given if given and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
        g.started = time.perf_counter()
        return super().preprocess_request()

    def process_response(self, response: Response) -> Response:
        """Add what every answer carries, and count and log the request."""
        response = super().process_response(response)
        g, request, headers = app_ctx.g, request_ctx.request, response.headers
        given = {name.title() for name, _ in headers}  # once, for each look into `headers` goes through them all
        headers.add("X-Request-ID", g.request_id)
        for name, value in _UNLESS_GIVEN:
            if name not in given:
                headers.add(name, value)
        seconds, status, method = time.perf_counter() - g.started, response.status_code, request.method
        metrics.observe(request.endpoint or "none", method, status, seconds)
        if logs.access_log.isEnabledFor(logging.INFO):
            known = {"seconds": seconds, "request_id": g.request_id, "actor": g.get("actor")}
            if status >= 400:
                known |= {"code": g.get("refused"), "address": request.remote_addr}
            logs.log_request(method, request.path, status, **known)
        return response


def init_app(app: Flask) -> None:
    """Set what requests may look like and through how many proxies they come."""
    app.url_map.converters["id"] = IdConverter
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_BODY_BYTES"]
    hops = app.config["PROXY_HOPS"]
    if hops:  # only as many as there are: a client can write the header too
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)
