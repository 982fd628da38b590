"""Logs as JSON lines with the request's id, and with secrets taken out before they are written."""

import functools
import logging
import re
import sys
import time

import orjson
from flask import Flask, g, has_request_context

SECRET_WORDS = "secret|password|passphrase|pin|token|authorization|code|pepper|cookie|api_?key|hash|key"  # noqa: S105 - no password
# A name is secret when one of its words is: access_token, secretHash, PINS.
_SECRET_NAME = re.compile(rf"(?:^|[_\W])(?:{SECRET_WORDS})s?(?:$|[_\W])", re.IGNORECASE)
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PUBLIC_NAMES = {"code", "key"}  # of problems and settings; alone they name no secret
_VALUE = r"""(?:\\?"(?:[^"\\]|\\(?!").)*\\?"|'[^']*'|[^\s'",}&;]+)"""
# Anybody writes the paths that are searched, so no pattern may take time that grows with the square of a text: none
# begins with a repetition (what precedes a secret's name is left as it is), and what may begin anywhere ends soon.
_PATTERNS = [
    (re.compile(r"eyJ[\w-]{1,300}\.[\w-]++\.[\w-]++"), "[token]"),
    (re.compile(r"\$argon2\S+"), "[hash]"),
    (re.compile(r"(?i)bearer\s+\S+"), "Bearer [token]"),
    (re.compile(r"(://[^:/@\s]*+):\S{0,300}@"), r"\1:[redacted]@"),
    (
        re.compile(rf"(?i)((?:secret|password|passphrase|pin|token|pepper|api_?key)s?\\?['\"]?\s*[=:]\s*){_VALUE}"),
        r"\1[redacted]",
    ),
    (re.compile(r"(?i)(code\W{1,4})\d{4,8}(?!\d)"), r"\1[redacted]"),  # one-time codes; error codes are words
    (re.compile(r"(?<![\d.])\d{6,}(\d{4})(?![\d.])"), r"***\1"),  # account numbers, phones, cards
]
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

SHORT = 200

access_log = logging.getLogger("ofektom.access")
# What somebody does who may be guessing: wrong secrets and codes, and at whom.
security_log = logging.getLogger("ofektom.security")


def redact(text: str) -> str:
    """`text` without tokens, PINs, passwords, connection passwords and the middle of long digit strings."""
    return _redact_short(text) if len(text) <= SHORT else _redact(text)


def _redact(text: str) -> str:
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


# Most lines are about a few hundred paths.
_redact_short = functools.lru_cache(maxsize=4096)(_redact)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id and whatever `extra` carries, redacted."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": redact(_text(record.getMessage())),
        }
        if isinstance(record, AccessRecord):
            return orjson.dumps(line | record.facts).decode()
        if has_request_context():
            line["request_id"] = g.get("request_id")
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = _redact_value(name, value)
        if record.exc_info:
            line["exception"] = redact(_text(self.formatException(record.exc_info)))
        return orjson.dumps(line, default=str).decode()


@functools.lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@functools.lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(_WORD_BREAK.sub("_", name)))


def _redact_value(name: str, value):
    """`value` fit for a log: secrets by their name, strings by their look, containers within, all else as text."""
    public = name in _PUBLIC_NAMES and not str(value).isdecimal()
    if not public and _names_a_secret(name):
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
    # It names each of its plugins at every start of every worker.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def leave_standard_output() -> None:
    """Send to standard error what would go to standard output: a program reads that."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)


class AccessRecord(logging.LogRecord):
    """The record of a request. There is one for each, so it is copied from a pattern instead of being made afresh."""

    _pattern = vars(logging.LogRecord(access_log.name, logging.INFO, "", 0, "%s %s %s", (), None))

    def __init__(self, args: tuple, facts: dict):
        now = time.time()
        vars(self).update(self._pattern, args=args, facts=facts, created=now, msecs=now % 1 * 1000)


def log_request(method: str, path: str, status: int, *, seconds: float, request_id: str, actor, **refusal) -> None:
    """Write the access line of a request, without its query string, which may hold what it should not.

    `refusal` is, of one that was refused, the `code` of the problem and the `address` it came from.
    """
    facts = {"request_id": request_id, "ms": round(seconds * 1000, 1)}
    facts["user_id"], facts["business_id"] = (actor.user_id, actor.business_id) if actor else (None, None)
    facts |= refusal
    access_log.handle(AccessRecord((method, path, status), facts))


def init_app(app: Flask) -> None:
    """Configure logging for the application's process (a test run keeps pytest's handlers)."""
    if not app.testing:
        configure(app.config["LOG_LEVEL"])
