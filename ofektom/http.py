"""The HTTP edge: strict JSON in, fast JSON out, request ids, headers every answer carries."""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Sequence

import orjson
from flask import Flask, Response, g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from ofektom.errors import BodyTooLarge, DatabaseUnavailable, MalformedRequest, UnsupportedMediaType

MAX_ID = 2**63 - 1
MOST_KEYS = 100
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class IdConverter(BaseConverter):
    """`<id:name>` in a route: a positive integer that fits its column; anything else is simply not found."""

    regex = r"[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


def read_json() -> dict:
    """The request body as a JSON object; an absent body is an empty one.

    Raises UnsupportedMediaType, BodyTooLarge, or MalformedRequest for anything that two parsers could read differently:
    broken UTF-8, lone surrogates, NaN, nesting beyond what is sane, or a key given twice.
    """
    if request.content_length is not None and request.content_length > request.max_content_length:
        raise BodyTooLarge
    raw = request.get_data(cache=True)
    if not raw:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        body = orjson.loads(raw)
        json.loads(raw, object_pairs_hook=_refuse_duplicates)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(_reason(error)) from None
    if not isinstance(body, dict):
        raise MalformedRequest("the body must be a JSON object")
    return body


def _refuse_duplicates(pairs: list) -> dict:
    if len(pairs) > MOST_KEYS:
        raise ValueError(f"an object has more than {MOST_KEYS} keys")
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is given twice")
    return result


def _reason(error: Exception) -> str:
    return (
        "the body is nested too deep" if isinstance(error, RecursionError) else f"the body is not JSON: {error}"[:200]
    )


def read_query() -> dict:
    """The query string as a dictionary. A parameter given twice is refused rather than one of them believed."""
    values = request.args.to_dict(flat=False)
    repeated = [name for name, items in values.items() if len(items) > 1]
    if repeated:
        raise MalformedRequest("a query parameter is given twice")
    return {name: items[0] for name, items in values.items()}


def answer(status: int, data) -> Response:
    """`data` (plain dictionaries and lists) as a JSON response; None as an empty one."""
    body = b"" if data is None else orjson.dumps(data)
    return raw_answer(status, body)


def raw_answer(status: int, body: bytes) -> Response:
    """A JSON response from encoded bytes. Answers of GET carry an ETag and honour If-None-Match."""
    content_type = "application/json" if status < 400 else "application/problem+json"
    response = Response(body, status=status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    if request.method in ("GET", "HEAD") and status == 200:
        response.set_etag(hashlib.blake2b(body, digest_size=12).hexdigest())
        response.headers["Cache-Control"] = "private, no-cache"
        response.make_conditional(request)
    return response


def carries_credentials() -> bool:
    """Whether the request says, or may say, who is asking."""
    return "Authorization" in request.headers or "Cookie" in request.headers


def let_caches_keep(response: Response, seconds: int) -> None:
    """Let any cache between us and the caller keep a success, a 304 included, for `seconds`.

    Not when the request carries credentials: a cache that mistakes such an answer for everybody's then has none.
    """
    if response.status_code in (200, 304) and not carries_credentials():
        response.headers["Cache-Control"] = f"public, max-age={seconds}"


def momentary(status: int, body: bytes, content_type: str = "application/json") -> Response:
    """An answer that holds at this moment only, and is no problem document even where `status` is an error's."""
    response = Response(body, status=status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = str(DatabaseUnavailable.retry_after)
    return response


def preferred_type(offered: Sequence[str]) -> str:
    """Which of the media types the caller likes best; the first, when it says nothing or likes none of them."""
    wanted = [(name.partition(";")[0].strip(), quality) for name, quality in request.accept_mimetypes]
    return MIMEAccept(wanted).best_match(offered, offered[0])


def begin_request() -> None:
    """Give the request its id (the caller's when it has a sane one) and its start time."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()


def finish_response(response: Response) -> Response:
    """Headers that every answer carries."""
    response.headers["X-Request-ID"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    """Install the converter and the hooks."""
    app.url_map.converters["id"] = IdConverter
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_BODY_BYTES"]
    hops = app.config["PROXY_HOPS"]
    if hops:  # only as many as there are: a client can write the header too
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)
    app.before_request(begin_request)
    app.after_request(finish_response)
