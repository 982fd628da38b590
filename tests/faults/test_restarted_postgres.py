"""PostgreSQL restarts while connections lie in the pool: nobody is given one of them."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from local.postgres import embedded
from ofektom.app import create_app
from ofektom.extensions import db
from tests.concurrency.race import together

STALE = 8


@pytest.fixture
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("restarted") / "data"


@pytest.mark.parametrize("at_once", [STALE, 1])
def test_no_statement_meets_a_connection_of_the_old_server(data_dir, settings, at_once):
    def backends() -> list[int]:
        """The backends that so many connections at once are of."""

        def use() -> int:
            with app.app_context(), db.engine.connect() as connection:
                connection.execute(text("SELECT pg_sleep(0.1)"))
                return connection.scalar(text("SELECT pg_backend_pid()"))

        return together(*[use] * at_once)

    with embedded(data_dir, fast=True) as url:
        app = create_app(replace(settings, database_url=url, pool_size=STALE, pool_overflow=0), testing=True)
        with app.app_context():
            engine, crowd = db.engine, [db.engine.connect() for _ in range(STALE)]
            for connection in crowd:
                connection.close()
        assert engine.pool.checkedin() == STALE
    with embedded(data_dir, fast=True):
        seen = [pid for _ in range(STALE // at_once) for pid in backends()]
        assert len(set(seen)) == STALE
        engine.dispose()
