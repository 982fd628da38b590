"""Ofektom and, under /bare, a Flask application with one empty view, in the same workers."""

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from ofektom.app import create_app

bare = Flask("bare")


@bare.get("/")
def nothing():
    """The least that Flask can do."""
    return {}


app = DispatcherMiddleware(create_app(), {"/bare": bare})
