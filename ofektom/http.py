"""Strict JSON in, fast JSON out."""

import base64
import functools
import hashlib
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl

import orjson
from flask import Response, request, send_from_directory
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

from ofektom.errors import BodyTooLarge, DatabaseUnavailable, MalformedRequest, UnsupportedMediaType

MAX_ID = 2**63 - 1
MOST_KEYS = 100
MOST_NESTED = 100
A_YEAR = 31_536_000
SEE_OTHER = 303
FORM = "application/x-www-form-urlencoded"
# nginx keeps an answer only with this header and for so many seconds, and does not pass it on.
PROXY_LIFE = "X-Accel-Expires"


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
    raw = _read_body()
    if not raw:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send it as application/json")
    try:
        body = orjson.loads(raw)
        # As deep as json goes depends on the version of Python, and may be deeper than what comes after it.
        if raw.count(b"{") + raw.count(b"[") > MOST_NESTED and _is_deeper(body, MOST_NESTED):
            raise MalformedRequest("the body is nested too deep")
        json.loads(raw, object_pairs_hook=_refuse_duplicates)
    except ValueError as error:
        raise MalformedRequest(f"the body is not JSON: {error}"[:200]) from None
    if not isinstance(body, dict):
        raise MalformedRequest("the body must be a JSON object")
    return body


def read_file(media_type: str) -> bytes:
    """The request body as it came. Raises UnsupportedMediaType when it says to be of another type, BodyTooLarge."""
    raw = _read_body()
    if request.mimetype != media_type:
        raise UnsupportedMediaType(f"send it as {media_type}")
    return raw


def _read_body() -> bytes:
    if request.content_length is not None and request.content_length > request.max_content_length:
        raise BodyTooLarge
    return request.get_data(cache=True)


def read_form() -> dict[str, str]:
    """The request body as the fields of a form; an absent body is one without fields. Lines end as they do in JSON.

    Raises BodyTooLarge, or MalformedRequest for anything but a form in UTF-8, or for a field given twice.
    """
    raw = _read_body()
    if raw and request.mimetype != FORM:
        raise MalformedRequest(f"send a form: {FORM}")
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MOST_KEYS, errors="strict")
        return {name: value.replace("\r\n", "\n") for name, value in _refuse_duplicates(pairs).items()}
    except ValueError as error:
        raise MalformedRequest(f"the body is not a form: {error}"[:200]) from None


def read_raw(most: int) -> bytes:
    """The request body as it came, of up to `most` bytes, for whoever checks a signature; raises BodyTooLarge."""
    if (request.content_length or 0) > most:
        raise BodyTooLarge
    raw = request.stream.read(most + 1)
    if len(raw) > most:
        raise BodyTooLarge
    return raw


def _refuse_duplicates(pairs: list) -> dict:
    if len(pairs) > MOST_KEYS:
        raise ValueError(f"an object has more than {MOST_KEYS} keys")
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is given twice")
    return result


def _is_deeper(value, depth: int) -> bool:
    """Whether there are objects and arrays within more than `depth` - 1 others."""
    level = [value]
    for _ in range(depth):
        holders = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for holder in holders for item in holder]
    return any(isinstance(item, dict | list) for item in level)


def read_query() -> dict:
    """The query string as a dictionary. A parameter given twice is refused rather than one of them believed."""
    if not request.query_string:
        return {}
    values = request.args.to_dict(flat=False)
    repeated = [name for name, items in values.items() if len(items) > 1]
    if repeated:
        raise MalformedRequest("a query parameter is given twice")
    return {name: items[0] for name, items in values.items()}


def answer(status: int, data) -> Response:
    """`data` (plain dictionaries and lists) as a JSON response; None as an empty one."""
    return raw_answer(status, b"" if data is None else encode(data))


def encode(data) -> bytes:
    """`data` as JSON. Sums that PostgreSQL makes of whole numbers are whole numbers again."""
    return orjson.dumps(data, default=_whole)


def _whole(value) -> int:
    if isinstance(value, Decimal) and value == int(value):
        return int(value)
    raise TypeError


def see_other(location: str) -> Response:
    """The way to a page of ours, which the browser asks for by GET."""
    return Response(status=SEE_OTHER, headers=[("Location", location), ("Cache-Control", "no-store")])


class Answer(Response):
    """An answer whose body is at hand, and whose headers are complete as they are."""

    def get_wsgi_headers(self, environ):
        return self.headers if self.status_code == 200 else super().get_wsgi_headers(environ)


def raw_answer(status: int, body: bytes) -> Response:
    """A JSON response from encoded bytes. Answers of GET carry an ETag and honour If-None-Match."""
    kind = "application/json" if status < 400 else "application/problem+json"
    if status != 200 or request.method not in ("GET", "HEAD"):
        return Answer(body, status, [("Content-Type", kind), ("Cache-Control", "no-store")])
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = [("Content-Type", kind), ("Cache-Control", "private, no-cache"), ("ETag", tag)]
    response = Answer(body, status, headers)
    if "HTTP_IF_NONE_MATCH" in request.environ:
        response.make_conditional(request)
    return response


def caller_address() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Where the request comes from; None when that cannot be told."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def carries_credentials() -> bool:
    """Whether the request says, or may say, who is asking."""
    return "Authorization" in request.headers or "Cookie" in request.headers


def let_caches_keep(response: Response, seconds: int) -> None:
    """Let any cache between us and the caller keep a success, a 304 included, for `seconds`.

    Not when the request carries credentials: a cache that mistakes such an answer for everybody's then has none.
    """
    if response.status_code in (200, 304) and not carries_credentials():
        response.headers["Cache-Control"] = f"public, max-age={seconds}"


def let_proxy_keep(response: Response, seconds: int) -> None:
    """Let nginx give this answer to anybody for `seconds`. Not when the request carries credentials."""
    if response.status_code == 200 and not carries_credentials():
        response.headers[PROXY_LIFE] = str(seconds)


@dataclass(frozen=True)
class Assets:
    """The files in `folder`, which never change: their URLs contain their `version`."""

    folder: Path
    version: str

    @classmethod
    def of(cls, folder: Path) -> "Assets":
        """Files of our own, whose version is what is in them."""
        digest = hashlib.blake2b(digest_size=6)
        for file in sorted(folder.iterdir()):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return cls(folder, digest.hexdigest())

    def send(self, version: str, name: str) -> Response:
        """The file `name`, for any cache to keep for a year. NotFound for another `version`, which had other bytes.

        Whole, whatever part of it is asked for: these files are short.
        """
        if version != self.version:
            raise NotFound
        request.environ.pop("HTTP_RANGE", None)
        response = send_from_directory(self.folder, name)
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        let_proxy_keep(response, A_YEAR)
        return response


@dataclass(frozen=True)
class Page:
    """A page of HTML for people, with one style and nothing else: no script, no picture, nothing from elsewhere.

    One `of_ours` has its style, script, pictures and forms from us, by address, and nothing in itself.
    """

    style: str = ""
    of_ours: bool = False

    @functools.cached_property
    def _headers(self) -> dict[str, str]:
        """It tells nobody else where its reader came from; of our own forms that is how we know them (Origin)."""
        digest = base64.b64encode(hashlib.sha256(self.style.encode()).digest()).decode()
        allowed = f"form-action 'none'; style-src 'sha256-{digest}'"
        if self.of_ours:
            allowed = "; ".join(f"{what} 'self'" for what in ("form-action", "img-src", "script-src", "style-src"))
        policy = f"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; {allowed}"
        return {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "same-origin" if self.of_ours else "no-referrer",
        }

    def answer(self, status: int, html: str) -> Response:
        """`html`, which has the style in it or names what it needs of ours."""
        response = Response(html, status, content_type="text/html; charset=utf-8")
        response.headers.update(self._headers)
        if status == 200 and not self.of_ours:
            response.add_etag()
            response.make_conditional(request)
        return response


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
