"""PostgreSQL restarts while connections lie in the pool: nobody is given one of them."""

from contextlib import ExitStack
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from local.postgres import embedded
from ofektom.app import create_app
from ofektom.extensions import db
from tests.concurrency.race import together

STALE, BACKEND = 8, text("SELECT pg_backend_pid()")


@pytest.fixture
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("restarted") / "data"


def all_at_once(app: Flask) -> list[int]:
    """The backends of as many connections as there are, each taken by a thread of its own."""

    def use() -> int:
        with app.app_context(), db.engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(0.1)"))
            return connection.scalar(BACKEND)

    return together(*[use] * STALE)


def one_by_one(app: Flask) -> list[int]:
    """The same, each kept while the next is taken."""
    with app.app_context(), ExitStack() as stack:
        taken = [stack.enter_context(db.engine.connect()) for _ in range(STALE)]
        return [connection.scalar(BACKEND) for connection in taken]


@pytest.mark.parametrize("take", [all_at_once, one_by_one])
def test_no_statement_meets_a_connection_of_the_old_server(data_dir, settings, take):
    with embedded(data_dir, fast=True) as url:
        app = create_app(replace(settings, database_url=url, pool_size=STALE, pool_overflow=0), testing=True)
        with app.app_context():
            engine = db.engine
        take(app)
        assert engine.pool.checkedin() == STALE
    with embedded(data_dir, fast=True):
        assert len(set(take(app))) == STALE
        engine.dispose()
