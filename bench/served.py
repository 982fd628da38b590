"""Ofektom and, in the same workers, two that do nothing: a Flask application under /bare, a WSGI one under /wsgi."""

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from ofektom.app import create_app

bare = Flask("bare")


@bare.get("/")
def nothing():
    """The least that Flask can do."""
    return {}


def wsgi(environ, start_response):
    """The least that WSGI can do."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "3")])
    return [b"{}\n"]


app = DispatcherMiddleware(create_app(), {"/bare": bare, "/wsgi": wsgi})
