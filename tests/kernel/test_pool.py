"""The pool hands out only connections that live, and never more than the server has for it."""

import logging
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import current_app
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeout

from ofektom import pool
from ofektom.app import create_app
from ofektom.config import ConfigurationError
from ofektom.database import get_connection_pool_status
from ofektom.extensions import db
from tests.faults.damage import cut

PID, SET_MARK = text("SELECT pg_backend_pid()"), text("SET ofektom.mark = '1'")


@pytest.fixture
def entered(settings):
    """Inside an application that keeps one connection and may have one more."""
    with create_app(replace(settings, pool_size=1, pool_overflow=1, pool_wait_seconds=0.1), testing=True).app_context():
        yield
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def pinging(monkeypatch):
    """As if every connection had long been idle."""
    monkeypatch.setattr(pool, "PING_AFTER_SECONDS", -1)


def use(engine=None) -> int:
    """Do something on a connection of the pool; the number of its backend."""
    with (engine or db.engine).connect() as connection:
        return connection.scalar(PID)


def idle_connection():
    """The driver's connection that lies in the pool."""
    with db.engine.connect() as connection:
        return connection.connection.dbapi_connection


@pytest.mark.parametrize(
    ("workers", "size", "overflow"), [(1, 20, 30), (2, 10, 15), (3, 6, 10), (16, 1, 1), (64, 1, 0)]
)
def test_connections_are_the_instances_and_shared_by_its_workers(settings, workers, size, overflow):
    options = pool.engine_options(replace(settings, workers=workers))
    assert (options["pool_size"], options["max_overflow"]) == (size, overflow)
    assert (options["pool_recycle"], options["pool_timeout"]) == (3600, 2.0)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_whatever_the_host_calls_it_psycopg2_is_used(scheme):
    assert pool.driver_url(f"{scheme}://u:p%40@h:5432/d?x=1") == "postgresql+psycopg2://u:p%40@h:5432/d?x=1"


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://h/d", "localhost/d", ""])
def test_another_database_is_refused(url):
    with pytest.raises(ValueError, match="DATABASE_URL"):
        pool.driver_url(url)


@pytest.mark.usefixtures("entered")
def test_the_pool_says_what_it_holds():
    def status(idle, used, overflow):
        names = ["pool_size", "connections_checked_in", "connections_checked_out", "overflow", "total_connections"]
        return dict(zip(names, [1, idle, used, overflow, idle + used], strict=True))

    assert get_connection_pool_status() == status(0, 0, 0)
    with db.engine.connect():
        assert get_connection_pool_status() == status(0, 1, 0)
        with db.engine.connect():
            assert get_connection_pool_status() == status(0, 2, 1)
    assert get_connection_pool_status() == status(2, 0, 1)
    db.engine.dispose()
    assert get_connection_pool_status() == status(0, 0, 0)


@pytest.mark.usefixtures("entered")
def test_overflow_is_kept_until_nobody_has_needed_it_for_a_while(monkeypatch):
    db.engine.dispose()  # the pool that is made then is no other

    def two() -> set[int]:
        with db.engine.connect() as one, db.engine.connect() as another:
            with pytest.raises(SQLAlchemyTimeout), db.engine.connect():
                pass
            return {one.scalar(PID), another.scalar(PID)}

    pids = two()
    db.engine.pool.shrink()
    assert two() == pids
    monkeypatch.setattr(pool, "OVERFLOW_SECONDS", -1)
    db.engine.pool.shrink()
    assert db.engine.pool.checkedin() == 1
    assert use() in pids
    db.engine.pool.shrink()
    assert use() in pids
    assert two() & pids != pids


@pytest.mark.usefixtures("entered")
def test_a_connection_that_lives_is_used_again():
    assert use() == use()


@pytest.mark.usefixtures("entered", "pinging")
def test_a_ping_keeps_the_connection_and_leaves_no_transaction():
    pid, connection = use(), idle_connection()
    with db.engine.connect() as again:
        assert again.connection.dbapi_connection is connection
        assert connection.info.transaction_status == TRANSACTION_STATUS_IDLE
        again.execute(SET_MARK)
        again.rollback()
        assert again.scalar(text("SELECT current_setting('ofektom.mark', true)")) in (None, "")
        assert again.scalar(PID) == pid


@pytest.mark.usefixtures("entered")
@pytest.mark.parametrize("options", [{}, {"isolation_level": "AUTOCOMMIT"}])
def test_a_connection_that_the_server_closed_is_replaced(options):
    engine, dead, connection = db.engine.execution_options(**options), use(), idle_connection()
    cut(current_app, connection)  # by somebody beside the pool, or it would keep their connection and not this
    assert select.select([connection], [], [], 5)[0]
    assert use(engine) != dead
    with db.engine.connect() as plain:
        plain.execute(SET_MARK)
        plain.rollback()
        assert plain.scalar(text("SELECT current_setting('ofektom.mark', true)")) in (None, "")


@pytest.mark.usefixtures("entered")
def test_a_connection_with_an_answer_nobody_asked_for_is_replaced():
    """A pre-ping would use it."""
    pid, connection = use(), idle_connection()
    with db.engine.connect() as listening, db.engine.connect() as other:
        listening.execute(text("LISTEN tests"))
        listening.commit()
        other.execute(text("NOTIFY tests"))
        other.commit()
        assert select.select([connection], [], [], 5)[0]
    assert use() != pid


@contextmanager
def moved_away(connection) -> Iterator[None]:
    """Let the other end of `connection` be somebody else, who is silent until spoken to and then hangs up."""
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), connection.fileno())
    ours.close()
    hang_up = threading.Thread(target=lambda: (theirs.recv(1), theirs.close()), daemon=True)
    hang_up.start()
    yield
    hang_up.join(5)


@pytest.mark.usefixtures("entered", "pinging")
def test_a_connection_long_idle_is_tried_with_a_ping():
    dead = use()
    with moved_away(idle_connection()):
        assert use() != dead


@pytest.mark.usefixtures("entered")
def test_until_then_its_first_statement_fails_and_the_next_does_not():
    dead = use()
    with moved_away(idle_connection()):
        with pytest.raises(OperationalError):
            use()
        assert use() != dead


LOOK = """
from gevent import monkey
monkey.patch_all()
import socket, gevent
from ofektom import pool

ours, theirs = socket.socketpair()
others = gevent.spawn(print, "another greenlet")
print(pool._has_something_to_read(ours))
theirs.close()
print(pool._has_something_to_read(ours))
others.join()
"""


def test_the_look_at_a_connection_lets_no_other_greenlet_run():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["False", "True", "another greenlet"], done.stderr


@pytest.mark.usefixtures("entered")
def test_the_database_answers_while_a_connection_is_free():
    assert pool.is_answering()
    with db.engine.connect() as connection:
        assert pool.is_answering()
        assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"


def test_a_database_that_is_not_there_does_not_answer(settings):
    away = replace(settings, database_url="postgresql://ofektom@127.0.0.1:1/ofektom")
    with create_app(away, testing=True).app_context():
        assert not pool.is_answering()


@pytest.mark.parametrize(
    "fits", [{"instances": 3}, {"instances": 1, "workers": 4}, {"instances": 900, "pgbouncer": True}]
)
def test_as_many_connections_as_the_server_has_may_be_configured(settings, fits):
    pool.check_capacity(replace(settings, **fits))


@pytest.mark.parametrize(
    ("much", "numbers"),
    [
        ({"instances": 4}, "4 instances of 1 workers may open 200 connections, but PostgreSQL allows 197"),
        ({"pool_size": 200, "workers": 2}, "1 instances of 2 workers may open 230"),
        ({"pool_size": 1, "pool_overflow": 0, "workers": 200}, "1 instances of 200 workers may open 200"),
    ],
)
def test_more_connections_than_the_server_has_are_refused(settings, much, numbers):
    with pytest.raises(ConfigurationError, match=numbers):
        pool.check_capacity(replace(settings, **much))


def test_a_limit_of_the_role_counts_too(settings, context):
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE ROLE small_plan LOGIN CONNECTION LIMIT 20"))
        try:
            url = make_url(settings.database_url).set(username="small_plan").render_as_string()
            with pytest.raises(ConfigurationError, match="allows 20"):
                pool.check_capacity(replace(settings, database_url=url))
        finally:
            connection.execute(text("DROP ROLE small_plan"))


@pytest.mark.parametrize("check", [pool.check_capacity, pool.check_role])
def test_a_database_that_is_not_there_yet_is_only_logged(settings, check, caplog):
    away = {"database_url": "postgresql://ofektom@127.0.0.1:1/ofektom", "pgbouncer": check is pool.check_role}
    with caplog.at_level(logging.WARNING):
        check(replace(settings, **away))
    assert "cannot ask the database" in caplog.text


def test_without_its_parameters_a_role_may_not_serve_behind_pgbouncer(settings):
    with pytest.raises(ConfigurationError, match=r"statement_timeout is 0 and not 5s.*role-parameters"):
        pool.check_role(replace(settings, pgbouncer=True))


def test_a_role_is_given_the_parameters_of_the_settings(settings):
    url = "postgresql://odd%22name:secret@h/d"
    statements = pool.role_parameters(replace(settings, database_url=url, work_mem="32MB"))
    assert """ALTER ROLE "odd""name" SET statement_timeout = '5000ms';""" in statements
    assert """ALTER ROLE "odd""name" SET work_mem = '32MB';""" in statements
    assert len(statements) == len(pool.session_parameters(settings))


def test_a_role_without_a_name_is_given_none(settings):
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        pool.role_parameters(replace(settings, database_url="postgresql:///ofektom"))
