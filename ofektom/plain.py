"""The plain path of hot statements: compiled once, prepared on the server, their rows as dictionaries.

A session's statement is put together anew each time, planned anew by PostgreSQL (which takes longer than running it),
and a read costs three round trips: BEGIN, it, and ROLLBACK. A single statement needs no transaction to be consistent,
so here a read takes one. Within a verb a statement belongs to the verb's transaction.
"""

import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import psycopg2
from flask import current_app
from psycopg2.extensions import adapt
from sqlalchemy import BindParameter, Select, bindparam
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from ofektom import database
from ofektom.driver import Cursor
from ofektom.extensions import db
from ofektom.identity import Actor

# psycopg 3's way to write a statement names the type of every parameter, and psycopg2 can send it.
_DIALECT = psycopg.dialect()
# On one connection. A plan takes PostgreSQL's memory, and callers may combine a list's filters as they like.
MOST_PREPARED = 100
_PARAMETER = re.compile(r"%\((\w+)\)s")


class Statement:
    """An SQL statement with %(name)s parameters, and the same as the server prepares it."""

    def __init__(self, text: str):
        self.text = text
        self.names = list(dict.fromkeys(_PARAMETER.findall(text)))
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        numbered = _PARAMETER.sub(lambda found: f"${self.names.index(found[1]) + 1}", text).replace("%%", "%")
        self.prepare = f"PREPARE ofektom_{digest} AS {numbered}"
        places = ", ".join(f"%({name})s" for name in self.names)
        self.execute = f"EXECUTE ofektom_{digest}" + (f" ({places})" if places else "")

    def run(self, values: dict) -> list[dict]:
        """Its rows, run within the present verb, else on its own. Raises the same errors as a session would."""
        transaction = database.present()
        if transaction is None:
            return self._run_alone(values)
        return self._fetch(_Line.of(transaction), values)

    def later(self, values: dict) -> None:
        """Send it with the verb's next statement, or with its commit, which raises its errors; nobody reads its rows.

        Outside of a verb it runs at once.
        """
        transaction = database.present()
        if transaction is None:
            self._run_alone(values)
            return
        line = _Line.of(transaction)
        with self._ready(line, values) as cursor:
            cursor.connection.later(cursor.mogrify(self._sent(line), values))

    def _run_alone(self, values: dict) -> list[dict]:
        engine = db.engine
        try:
            held = engine.raw_connection()
        except psycopg2.Error as error:
            raise _wrapped(error, "", is_lost=True) from error
        try:
            held.driver_connection.autocommit = True
            rows = self._fetch(_Line(held, engine, held.invalidate), values)
            held.driver_connection.autocommit = False
            return rows
        except DBAPIError as error:
            if not error.connection_invalidated:
                held.invalidate()  # rather than find out what state it is in
            raise
        finally:
            held.close()

    def _fetch(self, line: "_Line", values: dict) -> list[dict]:
        with self._ready(line, values) as cursor:
            cursor.execute(self._sent(line), values)
            if cursor.description is None:  # nothing is read of it, as of one for `later` that runs at once
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    @contextmanager
    def _ready(self, line: "_Line", values: dict) -> Iterator[Cursor]:
        """A cursor whose connection has the statement prepared; errors of the block leave as SQLAlchemy's."""
        connection = line.held.driver_connection
        try:
            with connection.cursor() as cursor:
                for listener in line.engine.dispatch.before_cursor_execute:
                    listener(None, cursor, self.text, values, None, False)
                self._prepare_on(line, cursor.execute)
                yield cursor
        except psycopg2.Error as error:
            is_lost = line.engine.dialect.is_disconnect(error, connection, None)
            if is_lost:
                line.give_up(error)
            raise _wrapped(error, self.text, is_lost=is_lost) from error
        except BaseException:
            # A request given up in mid-answer: whoever had this connection next would read the rest of it.
            line.give_up()
            raise

    def _sent(self, line: "_Line") -> str:
        return self.text if line.prepared is None else self.execute

    def _prepare_on(self, line: "_Line", send: Callable) -> None:
        known = line.prepared
        if known is None or self.text in known:
            return
        if len(known) >= MOST_PREPARED:
            send("DEALLOCATE ALL")
            known.clear()
        send(self.prepare)
        known.add(self.text)


class _Line(NamedTuple):
    """A pooled connection, where it is from, and how to give it up."""

    held: PoolProxiedConnection
    engine: Engine
    give_up: Callable

    @classmethod
    def of(cls, transaction: database.Transaction) -> "_Line":
        """The one of a verb's transaction, to which the session has written what it held."""
        transaction.session.flush()
        connection = transaction.connection
        return cls(connection.connection, connection.engine, connection.invalidate)

    @property
    def prepared(self) -> set[str] | None:
        """What the connection has prepared; None behind PgBouncer, where the next one may be another."""
        return self.held.info["prepared"]


def _wrapped(error: psycopg2.Error, statement: str, *, is_lost: bool) -> Exception:
    options = {"hide_parameters": True, "connection_invalidated": is_lost}
    return DBAPIError.instance(statement, None, error, psycopg2.Error, **options)


@dataclass(frozen=True)
class _AnyActor:
    """Stands for whoever will ask: a statement made for it can hold nobody's ids."""

    role: str | None
    business_id = bindparam("actor_business_id")
    membership_id = bindparam("actor_membership_id")
    user_id = bindparam("actor_user_id")
    timezone = bindparam("actor_timezone")


def prepared(build: Callable[..., Select]) -> Callable[..., list[dict]]:
    """Make `build(actor, *shape)`, which returns a select, a function that runs it: `f(actor, *shape, **values)`.

    The select is built and compiled once for each role and shape, for an actor whose ids are parameters. What else
    differs from call to call is a `bindparam` of it, given by name. `f.later` is as `Statement.later`.
    """

    @functools.cache
    def compiled(role: str | None, shape: tuple) -> tuple[Statement, SQLCompiler]:
        made = build(_AnyActor(role), *shape).compile(dialect=_DIALECT)
        if "POSTCOMPILE" in made.string:
            raise TypeError(f"{build.__qualname__}: a list in IN is of no fixed length; compare with = ANY(array)")
        return Statement(_PARAMETER.sub(lambda found: _constant(made, found), made.string)), made

    def given(actor: Actor, shape: tuple, values: dict) -> tuple[Statement, dict]:
        statement, made = compiled(actor.role, shape)
        values |= {
            "actor_business_id": actor.business_id,
            "actor_membership_id": actor.membership_id,
            "actor_user_id": actor.user_id,
            "actor_timezone": actor.timezone,
        }
        return statement, made.construct_params(values)

    @functools.wraps(build)
    def run(actor: Actor, *shape, **values) -> list[dict]:
        statement, parameters = given(actor, shape, values)
        return statement.run(parameters)

    def later(actor: Actor, *shape, **values) -> None:
        statement, parameters = given(actor, shape, values)
        statement.later(parameters)

    run.later = later
    return run


def setting(name: str, type_: TypeEngine) -> BindParameter:
    """A parameter of statements: the setting of that name, as it is when a statement runs."""
    return bindparam(name.lower(), type_=type_, callable_=lambda: current_app.config[name])


def _constant(made: SQLCompiler, found: re.Match) -> str:
    """What stands in the code is written out: a partial index is only used for what is known when a plan is made."""
    bind = made.binds[found[1]]
    if bind.required or bind.callable:
        return found[0]
    value = str(bind.value) if isinstance(bind.value, str) else bind.value
    return adapt(value).getquoted().decode().replace("%", "%%")
