"""A WSGI application with just enough in it to see how gunicorn and nginx treat one."""

import json
import os
import signal
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import parse_qsl

import gevent
import gevent.monkey


def app(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Serve one of the paths below; any other is echoed.

    The query may ask for a `status`, for so many `seconds` to be taken, and by other names for headers of the answer.
    """
    asked = dict(parse_qsl(environ["QUERY_STRING"]))
    gevent.sleep(float(asked.pop("seconds", 0)))
    status = asked.pop("status", "200")
    serve = PATHS.get(environ["PATH_INFO"], _echo)
    body = json.dumps(serve(environ)).encode()
    start_response(
        f"{status} As Asked",
        [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *asked.items()],
    )
    return [body]


def _echo(environ: dict) -> dict:
    seen = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    seen |= {"path": environ["PATH_INFO"], "method": environ["REQUEST_METHOD"]}
    return seen | {"pid": os.getpid(), "made": uuid.uuid4().hex}


def _long(_environ: dict) -> dict:
    return {"text": "thrift " * 1000}


def _slow(_environ: dict) -> dict:
    gevent.sleep(0.7)
    return {"finished": True}


def _stuck(_environ: dict) -> dict:
    """Hold up everything in this worker, as a long computation does."""
    gevent.monkey.get_original("time", "sleep")(1.5)
    return {"finished": True}


def _die(environ: dict) -> dict:
    """Leave a mark, then die like a worker that the kernel killed in the middle of a request."""
    with Path(os.environ["MARKS"]).open("a") as marks:
        marks.write(environ["REQUEST_METHOD"] + "\n")
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_in_database(_environ: dict) -> dict:
    import psycopg2

    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.4)")
    connection.close()
    return {"finished": True}


PATHS = {"/long": _long, "/slow": _slow, "/stuck": _stuck, "/die": _die, "/wait-in-database": _wait_in_database}
