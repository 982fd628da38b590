"""Logs as JSON lines with the request's id, and with secrets taken out before they are written."""

import logging
import re
import sys
import time

import orjson
from flask import Flask, Response, g, has_request_context, request

SECRET_WORDS = "secret|password|passphrase|pin|token|authorization|code|pepper|cookie|api_?key|hash|key"
# A name is secret when one of its words is: access_token, secretHash, PINS.
_SECRET_NAME = re.compile(rf"(?:^|[_\W])(?:{SECRET_WORDS})s?(?:$|[_\W])", re.IGNORECASE)
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PUBLIC_NAMES = {"code", "key"}  # of problems and settings; alone they name no secret
_VALUE = r"""(?:\\?"(?:[^"\\]|\\(?!").)*\\?"|'[^']*'|[^\s'",}&;]+)"""
_PATTERNS = [
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "[token]"),
    (re.compile(r"\$argon2\S+"), "[hash]"),
    (re.compile(r"(?i)bearer\s+\S+"), "Bearer [token]"),
    (re.compile(r"([a-z][a-z0-9+.-]*://[^:/@\s]*):\S*@"), r"\1:[redacted]@"),
    (
        re.compile(rf"(?i)(\w*(?:secret|password|passphrase|pin|token|pepper|api_?key)s?\\?['\"]?\s*[=:]\s*){_VALUE}"),
        r"\1[redacted]",
    ),
    (re.compile(r"(?i)(code\W{1,4})\d{4,8}(?!\d)"), r"\1[redacted]"),  # one-time codes; error codes are words
    (re.compile(r"(?<![\d.])\d{6,}(\d{4})(?![\d.])"), r"***\1"),  # account numbers, phones, cards
]
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

access_log = logging.getLogger("ofektom.access")


def redact(text: str) -> str:
    """`text` without tokens, PINs, passwords, connection passwords and the middle of long digit strings."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id and whatever `extra` carries, redacted."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": redact(_text(record.getMessage())),
        }
        if has_request_context():
            line["request_id"] = g.get("request_id")
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = _redact_value(name, value)
        if record.exc_info:
            line["exception"] = redact(_text(self.formatException(record.exc_info)))
        return orjson.dumps(line, default=str).decode()

    converter = staticmethod(time.gmtime)


def _redact_value(name: str, value):
    """`value` fit for a log: secrets by their name, strings by their look, containers within, all else as text."""
    public = name in _PUBLIC_NAMES and not str(value).isdecimal()
    if not public and _SECRET_NAME.search(_WORD_BREAK.sub("_", name)):
        return "[redacted]"
    if isinstance(value, dict):
        return {_text(key): _redact_value(_text(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value("", item) for item in value]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 10**9:
        return value
    return redact(_text(value))


def _text(value) -> str:
    """Text that can be encoded, whatever was given."""
    return str(value).encode("utf-8", "replace").decode()


def configure(level: str) -> None:
    """Send every logger of the process to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def log_request(response: Response) -> Response:
    """Write the access line of the current request, without its query string, which may hold what it should not."""
    actor = g.get("actor")
    access_log.info(
        "%s %s %s",
        request.method,
        request.path,
        response.status_code,
        extra={
            "ms": round((time.perf_counter() - g.started) * 1000, 1),
            "user_id": actor.user_id if actor else None,
            "business_id": actor.business_id if actor else None,
        },
    )
    return response


def init_app(app: Flask) -> None:
    """Configure logging for the application's process (a test run keeps pytest's handlers)."""
    if not app.testing:
        configure(app.config["LOG_LEVEL"])
    app.after_request(log_request)
