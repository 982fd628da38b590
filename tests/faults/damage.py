"""Ways of breaking what the application stands on, at a chosen moment."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.engine import Connection

from ofektom.extensions import db

PATIENCE_SECONDS = 15


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when `condition()` holds; fail when it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@contextmanager
def administrator(app: Flask) -> Iterator[Connection]:
    """A connection beside the pool, each statement of which commits at once."""
    url = app.config["SQLALCHEMY_DATABASE_URI"].replace("postgresql+psycopg2", "postgresql")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


def cut(app: Flask, dbapi_connection) -> None:
    """End the server's side of a connection, and wait until it has gone."""
    pid = dbapi_connection.info.backend_pid
    with administrator(app) as sql:
        sql.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        assert sql.fetchone() == (True,)


@contextmanager
def cut_at_statement(app: Flask, number: int) -> Iterator[list[str]]:
    """Cut the connection just before statement `number` (from 0) of the block; the statements seen so far."""
    seen: list[str] = []

    def on_statement(connection, cursor, statement, parameters, context, executemany):
        seen.append(statement)
        if len(seen) == number + 1:
            cut(app, cursor.connection)

    with _listening(app, "before_cursor_execute", on_statement):
        yield seen


@contextmanager
def cut_before_commit(app: Flask) -> Iterator[None]:
    """Cut the connection of the first transaction that is about to commit."""
    cuts: list[None] = []

    def on_commit(connection):
        if not cuts:
            cuts.append(cut(app, connection.connection.dbapi_connection))

    with _listening(app, "commit", on_commit):
        yield
    assert cuts, "nothing was committed"


@contextmanager
def cut_after_commit(app: Flask, monkeypatch) -> Iterator[None]:
    """Let the first commit reach the server, and lose the connection before its answer arrives."""
    with app.app_context():
        dialect = db.engine.dialect
    commit, cuts = dialect.do_commit, []

    def commit_and_cut(pooled):
        commit(pooled)
        if not cuts:
            cuts.append(cut(app, pooled.dbapi_connection))
            pooled.cursor().execute("SELECT 1")  # ends as the answer would have: the server has gone

    with monkeypatch.context() as patch:
        patch.setattr(dialect, "do_commit", commit_and_cut)
        yield
    assert cuts, "nothing was committed"


@contextmanager
def _listening(app: Flask, name: str, listener: Callable) -> Iterator[None]:
    with app.app_context():
        engine = db.engine
    event.listen(engine, name, listener)
    try:
        yield
    finally:
        event.remove(engine, name, listener)


@contextmanager
def holding(app: Flask, query: str, **values) -> Iterator[int]:
    """A transaction of somebody else that has done `query` and does not end; its backend's number."""
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(text(query), values)
        yield connection.connection.dbapi_connection.info.backend_pid
        connection.rollback()


@contextmanager
def trigger(app: Flask, table: str, body: str) -> Iterator[None]:
    """A trigger that does `body` (PL/pgSQL) before each row inserted into `table`."""
    with administrator(app) as sql:
        sql.execute("CREATE SEQUENCE stumbles")
        sql.execute(
            f"CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;"
            f"CREATE TRIGGER stumble BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION stumble()"
        )
        try:
            yield
        finally:
            sql.execute("DROP FUNCTION stumble CASCADE; DROP SEQUENCE stumbles")
