"""The application's database, and the one transaction every verb runs in."""

import functools
import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from flask import Flask, g
from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ofektom import errors, green, metrics
from ofektom.config import Settings
from ofektom.extensions import db
from ofektom.pool import (
    OVERFLOW_SECONDS,
    check_at_checkout,
    driver_url,
    engine_options,
    get_connection_pool_status,
    note_what_is_prepared,
)

__all__ = [
    "Rehearsal",
    "Transaction",
    "after_commit",
    "apply",
    "get_connection_pool_status",
    "init_app",
    "only",
    "only_row",
    "present",
    "verb",
]

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
RETRYABLE_STATES = {"40001", "40P01"}  # serialization failure, deadlock detected


def init_app(app: Flask, settings: Settings) -> None:
    """Bind the database to the application."""
    app.config["SQLALCHEMY_DATABASE_URI"] = driver_url(settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings)
    db.init_app(app)
    with app.app_context():
        check_at_checkout(db.engine, ping=not settings.pgbouncer)
        note_what_is_prepared(db.engine, nothing_can_be=settings.pgbouncer)
        engine = db.engine
    green.repeat(OVERFLOW_SECONDS, lambda: engine.pool.shrink())


def only(query: Executable):
    """The object or value that `query` finds; raises NotFound when it finds none."""
    found = db.session.scalar(query)
    if found is None:
        raise errors.NotFound
    return found


def only_row(query: Executable) -> dict:
    """The row that `query` finds, by the names of its columns; raises NotFound when it finds none."""
    row = db.session.execute(query).mappings().first()
    if row is None:
        raise errors.NotFound
    return dict(row)


def apply(row, changes: dict) -> dict:
    """Set columns of a mapped row and write them; returns what they were, for the audit row."""
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    db.session.flush()
    return before


@dataclass(eq=False)
class Transaction:
    """The transaction of the verb that runs, and what belongs to it."""

    session: Session
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    posted: object = None

    @cached_property
    def connection(self) -> Connection:
        """Its connection, with the transaction begun."""
        return self.session.connection()


def present() -> Transaction | None:
    """The transaction of the verb that runs; None outside of verbs."""
    return g.get("transaction")


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
        if present():
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
                time.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 - a pause, no secret
                attempt += 1

    return run


def after_commit(act: Callable[[], None]) -> None:
    """Have the verb that runs do `act` once it has committed, and not at all if it does not; at once outside of verbs.

    When the connection broke at the commit it is done as well: the commit may have happened.
    """
    if transaction := present():
        transaction.afterwards.append(act)
    else:
        act()


def _run_once(function: Callable, args: tuple, kwargs: dict):
    g.transaction = transaction = Transaction(db.session())
    session = transaction.session
    try:
        result = function(*args, **kwargs)
        session.flush()
        _commit(transaction)
        return result
    except errors.Problem as refusal:
        _commit(transaction) if refusal.keeps else session.rollback()
        raise
    except BaseException:
        session.rollback()
        raise
    finally:
        del g.transaction


def _commit(transaction: Transaction) -> None:
    acts, transaction.afterwards = transaction.afterwards, []
    try:
        transaction.session.commit()
    except green.Expired as expired:
        _do(acts)
        raise errors.OutcomeUnknown from expired
    except DBAPIError as error:
        if error.connection_invalidated:
            _do(acts)
            raise errors.OutcomeUnknown from error
        raise
    try:
        _do(acts)
    except green.Expired as expired:  # too late to say that nothing was changed
        raise errors.OutcomeUnknown from expired


def _do(acts: Iterable[Callable[[], None]]) -> None:
    for act in acts:
        act()
