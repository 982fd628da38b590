"""Errors as RFC 9457 problem documents, one class per condition.

A slice declares its own in its `rules.py`. A class that names database `constraints` is what their violation becomes,
so that the constraint is the guard and the class only its voice.
"""

import logging
from typing import ClassVar

import orjson
from flask import Flask, Response, current_app, g, has_request_context, request
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed

log = logging.getLogger(__name__)


class Problem(Exception):
    """A refusal the client can act on. Subclasses set `code`, `status` and `title`.

    Nothing has been changed, but for a refusal that `keeps`. `retry_after` is in seconds.
    """

    code = ""
    status = 400
    title = ""
    constraints: tuple[str, ...] = ()
    retry_after: int | None = None
    # A refusal that keeps what its verb has written so far: the count of a wrong guess.
    keeps = False

    by_code: ClassVar[dict[str, type["Problem"]]] = {}
    by_constraint: ClassVar[dict[str, type["Problem"]]] = {}

    def __init__(
        self, detail: str | None = None, *, fields: dict | None = None, retry_after: int | None = None, **extra
    ):
        super().__init__(detail or self.title)
        self.retry_after = retry_after or self.retry_after
        self.detail = detail
        self.fields = fields
        self.extra = extra

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if not cls.code:
            return
        known = Problem.by_code.setdefault(cls.code, cls)
        if known.__qualname__ != cls.__qualname__:
            raise TypeError(f"error code {cls.code} is declared twice")
        for constraint in cls.constraints:
            Problem.by_constraint[constraint] = cls

    def document(self) -> dict:
        """The problem+json members."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        if self.detail:
            body["detail"] = self.detail
        if self.fields:
            body["errors"] = self.fields
        return body | self.extra | {"request_id": g.get("request_id") if has_request_context() else None}


class MalformedRequest(Problem):
    code, status, title = "request.malformed", 400, "The request cannot be read"


class InvalidRequest(Problem):
    code, status, title = "request.invalid", 422, "Some fields are not valid"


class UnsupportedMediaType(Problem):
    code, status, title = "request.media_type", 415, "The body is of another media type than is read here"


class BodyTooLarge(Problem):
    code, status, title = "request.too_large", 413, "The request body is too large"


class NotFound(Problem):
    code, status, title = "not_found", 404, "There is no such thing here"


class MethodNotAllowed(Problem):
    code, status, title = "method_not_allowed", 405, "That method is not offered here"


class Conflict(Problem):
    code, status, title = "conflict", 409, "That contradicts what is already recorded"


class DatabaseUnavailable(Problem):
    code, status, title = "database.unavailable", 503, "The database cannot be reached; nothing was changed"
    retry_after = 2


class DatabaseBusy(Problem):
    code, status, title = "database.busy", 503, "The database is busy; nothing was changed"
    retry_after = 1


class OutcomeUnknown(Problem):
    code, status = "outcome.unknown", 503
    title = (
        "The connection broke at the commit; send the same request with the same Idempotency-Key to learn the outcome"
    )
    retry_after = 2


class DeadlineExceeded(Problem):
    code, status, title = "request.deadline", 503, "The request took too long and was given up"
    retry_after = 2


class InternalError(Problem):
    code, status, title = "internal", 500, "Something went wrong on our side"


BUSY_STATES = {
    "55P03",
    "57014",
    "40001",
    "40P01",
    "53300",
}  # lock, statement timeout, serialization, deadlock, connections
_HTTP_PROBLEMS = {404: NotFound, 405: MethodNotAllowed, 413: BodyTooLarge, 415: UnsupportedMediaType}


def from_database(error: DBAPIError) -> Problem:
    """The problem that a database error amounts to: the one its constraint stands for, busy, or unavailable."""
    state = getattr(error.orig, "pgcode", None)
    if isinstance(error, IntegrityError):
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        return Problem.by_constraint.get(constraint, Conflict)()
    if state in BUSY_STATES:
        return DatabaseBusy()
    if error.connection_invalidated or state is None or state.startswith(("08", "57P", "25P03")):
        return DatabaseUnavailable()
    if state.startswith("22"):  # a value the column cannot hold
        return InvalidRequest("a value is out of range")
    return InternalError()


def as_problem(error: BaseException) -> Problem:
    """The problem that any exception amounts to; those nobody foresaw are logged with their traceback."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _from_http(error)
    problem = InternalError()
    if isinstance(error, PoolTimeout):
        problem = DatabaseBusy()
    elif isinstance(error, DBAPIError):
        problem = from_database(error)
    if type(problem) in (InternalError, Conflict):
        log.error("unexpected error", exc_info=error)
    elif problem.status >= 500:
        log.warning("%s: %s", problem.code, type(error).__name__)
    return problem


def _from_http(error: HTTPException) -> Problem:
    known = _HTTP_PROBLEMS.get(error.code)
    if known:
        return known()
    return MalformedRequest() if (error.code or 500) < 500 else InternalError()


def to_response(error: BaseException) -> Response:
    """Any exception as a problem+json response."""
    return _document(as_problem(error), error)


def _document(problem: Problem, error: BaseException) -> Response:
    if has_request_context():
        g.refused = problem.code
    response = Response(
        orjson.dumps(problem.document()), status=problem.status, content_type="application/problem+json"
    )
    response.headers["Cache-Control"] = "no-store"
    if problem.retry_after:
        response.headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, WerkzeugMethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _answer(error: BaseException) -> Response:
    problem = as_problem(error)
    document = _document(problem, error)
    for root, turn in current_app.extensions["problem_pages"].items():
        if request.path == root or request.path.startswith(f"{root}/"):
            return turn(problem, document)
    return document


def init_app(app: Flask) -> None:
    """Answer every exception with a problem document, or with what the pages below a path make of it (pages.py)."""
    app.extensions["problem_pages"] = {}
    app.register_error_handler(Exception, _answer)
