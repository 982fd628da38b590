"""The plain path of hot statements: compiled once, prepared on the server, their rows as dictionaries.

A session's statement is put together anew each time, planned anew by PostgreSQL (which takes longer than running it),
and a read costs three round trips: BEGIN, it, and ROLLBACK. A single statement needs no transaction to be consistent,
so here a read takes one. Within a verb a statement belongs to the verb's transaction.
"""

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
from flask import current_app
from psycopg2.extensions import adapt
from sqlalchemy import Select, bindparam
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

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
        if db.session.registry.has() and db.session.info.get("in_verb"):
            return self._run_in_verb(values)
        return self._run_alone(values)

    def _run_in_verb(self, values: dict) -> list[dict]:
        db.session.flush()
        connection = db.session.connection()
        return self._fetch(connection.connection, values, give_up=connection.invalidate)

    def _run_alone(self, values: dict) -> list[dict]:
        try:
            held = db.engine.raw_connection()
        except psycopg2.Error as error:
            raise _wrapped(error, "", is_lost=True) from error
        try:
            held.driver_connection.autocommit = True
            rows = self._fetch(held, values, give_up=held.invalidate)
            held.driver_connection.autocommit = False
            return rows
        except DBAPIError as error:
            if not error.connection_invalidated:
                held.invalidate()  # rather than find out what state it is in
            raise
        finally:
            held.close()

    def _fetch(self, held, values: dict, *, give_up: Callable) -> list[dict]:
        connection = held.driver_connection
        try:
            with connection.cursor() as cursor:
                for listener in db.engine.dispatch.before_cursor_execute:
                    listener(None, cursor, self.text, values, None, False)
                self._prepare_on(held, cursor.execute)
                cursor.execute(self._sent, values)
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
        except psycopg2.Error as error:
            is_lost = db.engine.dialect.is_disconnect(error, connection, None)
            if is_lost:
                give_up(error)
            raise _wrapped(error, self.text, is_lost=is_lost) from error
        except BaseException:
            # A request given up in mid-answer: whoever had this connection next would read the rest of it.
            give_up()
            raise

    @property
    def _sent(self) -> str:
        return self.text if current_app.config["PGBOUNCER"] else self.execute

    def _prepare_on(self, held, send: Callable) -> None:
        """Prepare it, unless this connection has it. Behind PgBouncer nothing can be: the next one may be another."""
        known = held.info.setdefault("prepared", set())
        if self.text in known or current_app.config["PGBOUNCER"]:
            return
        if len(known) >= MOST_PREPARED:
            send("DEALLOCATE ALL")
            known.clear()
        send(self.prepare)
        known.add(self.text)


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
    differs from call to call is a `bindparam` of it, given by name.
    """

    @functools.cache
    def compiled(role: str | None, shape: tuple) -> tuple[Statement, SQLCompiler]:
        made = build(_AnyActor(role), *shape).compile(dialect=_DIALECT)
        if "POSTCOMPILE" in made.string:
            raise TypeError(f"{build.__qualname__}: a list in IN is of no fixed length; compare with = ANY(array)")
        return Statement(_PARAMETER.sub(lambda found: _constant(made, found), made.string)), made

    @functools.wraps(build)
    def run(actor: Actor, *shape, **values) -> list[dict]:
        statement, made = compiled(actor.role, shape)
        values |= {
            "actor_business_id": actor.business_id,
            "actor_membership_id": actor.membership_id,
            "actor_user_id": actor.user_id,
            "actor_timezone": actor.timezone,
        }
        return statement.run(made.construct_params(values))

    return run


def _constant(made: SQLCompiler, found: re.Match) -> str:
    """What stands in the code is written out: a partial index is only used for what is known when a plan is made."""
    bind = made.binds[found[1]]
    if bind.required or bind.callable:
        return found[0]
    value = str(bind.value) if isinstance(bind.value, str) else bind.value
    return adapt(value).getquoted().decode().replace("%", "%%")
