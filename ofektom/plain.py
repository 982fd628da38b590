"""The plain path of hot statements: compiled once, their rows as dictionaries, and a read sent in one round trip.

A session's statement is put together anew each time, and a read costs three round trips: BEGIN, it, and ROLLBACK. But a
single statement needs no transaction to be consistent. Within a verb it belongs to the verb's transaction.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
from sqlalchemy import Select, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from ofektom.extensions import db
from ofektom.identity import Actor

_DIALECT = postgresql.dialect(paramstyle="pyformat")


def fetch(statement: str, values: dict) -> list[dict]:
    """The rows of an SQL statement with %(name)s parameters: within the verb that runs, else on its own.

    Raises the same errors as a session would.
    """
    if db.session.info.get("in_verb"):
        db.session.flush()
        return [dict(row) for row in db.session.connection().exec_driver_sql(statement, values).mappings()]
    engine = db.engine
    for listener in engine.dispatch.before_cursor_execute:
        listener(None, None, statement, values, None, False)
    try:
        held = engine.raw_connection()
    except psycopg2.Error as error:
        raise _wrapped(error, "", is_lost=True) from error
    connection = held.driver_connection
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        connection.autocommit = False
        return rows
    except psycopg2.Error as error:
        is_lost = engine.dialect.is_disconnect(error, connection, None)
        held.invalidate(error)
        raise _wrapped(error, statement, is_lost=is_lost) from error
    except BaseException:
        # A request given up in mid-answer: whoever had this connection next would read the rest of it.
        held.invalidate()
        raise
    finally:
        held.close()


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
    def compiled(role: str | None, shape: tuple):
        return build(_AnyActor(role), *shape).compile(dialect=_DIALECT)

    @functools.wraps(build)
    def run(actor: Actor | None, *shape, **values) -> list[dict]:
        statement = compiled(actor and actor.role, shape)
        if actor:
            values |= {
                "actor_business_id": actor.business_id,
                "actor_membership_id": actor.membership_id,
                "actor_user_id": actor.user_id,
                "actor_timezone": actor.timezone,
            }
        wanted = statement.params.keys() & values.keys()
        return fetch(statement.string, statement.construct_params({name: values[name] for name in wanted}))

    return run
