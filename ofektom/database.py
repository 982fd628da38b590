"""The connection pool, and the one transaction every verb runs in."""

import functools
import logging
import random
import time
from collections.abc import Callable, Iterable

import orjson
from flask import Flask
from sqlalchemy.exc import DBAPIError

from ofektom import errors, green, metrics
from ofektom.config import Settings
from ofektom.extensions import db

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
RETRYABLE_STATES = {"40001", "40P01"}  # serialization failure, deadlock detected


def driver_url(url: str) -> str:
    """`url` naming psycopg2, whatever scheme the host gave.

    Heroku says postgres://, and SQLAlchemy 2.1 reads postgresql:// as psycopg 3.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme.split("+")[0] in {"postgres", "postgresql"}:
        return f"postgresql+psycopg2://{rest}"
    raise ValueError("DATABASE_URL must be a postgresql:// address")


def engine_options(settings: Settings) -> dict:
    """The options of the engine. Pool sizes are per instance and divided over its workers."""
    timeouts = {
        "statement_timeout": settings.statement_timeout_ms,
        "lock_timeout": settings.lock_timeout_ms,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout_ms,
        "timezone": "UTC",
    }
    return {
        "pool_size": max(1, settings.pool_size // settings.workers),
        "max_overflow": settings.pool_overflow // settings.workers,
        "pool_timeout": settings.pool_wait_seconds,
        "pool_recycle": 3600,
        "pool_pre_ping": True,
        "json_deserializer": orjson.loads,
        # Values of a failed statement would end up in the log.
        "hide_parameters": True,
        "connect_args": {
            "connect_timeout": 2,
            "application_name": "ofektom",
            "options": " ".join(f"-c {name}={value}" for name, value in timeouts.items()),
        },
    }


def init_app(app: Flask, settings: Settings) -> None:
    """Bind the database to the application."""
    app.config["SQLALCHEMY_DATABASE_URI"] = driver_url(settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings)
    db.init_app(app)


def get_connection_pool_status() -> dict[str, int]:
    """How many connections this process's pool keeps, has free and has lent. Opens none."""
    pool = db.engine.pool
    checked_in, checked_out = pool.checkedin(), pool.checkedout()
    return {
        "pool_size": pool.size(),
        "connections_checked_in": checked_in,
        "connections_checked_out": checked_out,
        # SQLAlchemy counts from minus the size until the pool is full.
        "overflow": max(0, pool.overflow()),
        "total_connections": checked_in + checked_out,
    }


def apply(row, changes: dict) -> dict:
    """Set columns of a mapped row and write them; returns what they were, for the audit row."""
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    db.session.flush()
    return before


class Rehearsal(Exception):
    """Leaves a transaction with nothing kept and carries `result` out of it (a dry run)."""

    def __init__(self, result):
        super().__init__()
        self.result = result


def verb(function: Callable) -> Callable:
    """Make `function` a verb: it runs in one transaction that commits once, when it returns.

    A verb called inside another one joins its transaction. A deadlock or serialization failure runs the whole verb
    again, up to three times. Database errors leave as Problems; a connection lost while committing as OutcomeUnknown.
    """

    @functools.wraps(function)
    def run(*args, **kwargs):
        if db.session.info.get("in_verb"):
            return function(*args, **kwargs)
        attempt = 1
        while True:
            try:
                return _run_once(function, args, kwargs)
            except DBAPIError as error:
                if attempt == MAX_ATTEMPTS or getattr(error.orig, "pgcode", None) not in RETRYABLE_STATES:
                    raise errors.as_problem(error) from error
                metrics.transaction_retried()
                log.warning("transaction retried", extra={"attempt": attempt, "verb": function.__qualname__})
                time.sleep(random.uniform(0, 0.02 * attempt))
                attempt += 1

    return run


def after_commit(act: Callable[[], None]) -> None:
    """Have the verb that runs do `act` once it has committed, and not at all if it does not; at once outside of verbs.

    When the connection broke at the commit it is done as well: the commit may have happened.
    """
    if db.session.info.get("in_verb"):
        db.session.info.setdefault("after_commit", []).append(act)
    else:
        act()


def _run_once(function: Callable, args: tuple, kwargs: dict):
    session = db.session
    session.info["in_verb"] = True
    try:
        result = function(*args, **kwargs)
        session.flush()
        _commit()
        return result
    except errors.Problem as refusal:
        _commit() if refusal.keeps else session.rollback()
        raise
    except BaseException:
        session.rollback()
        raise
    finally:
        for name in ("in_verb", "posted_by", "after_commit"):
            session.info.pop(name, None)


def _commit() -> None:
    acts = db.session.info.pop("after_commit", ())
    try:
        db.session.commit()
    except green.Expired as expired:
        _do(acts)
        raise errors.OutcomeUnknown from expired
    except DBAPIError as error:
        if error.connection_invalidated:
            _do(acts)
            raise errors.OutcomeUnknown from error
        raise
    _do(acts)


def _do(acts: Iterable[Callable[[], None]]) -> None:
    for act in acts:
        act()
