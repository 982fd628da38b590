"""0003 builds its indexes while the service goes on writing."""

import threading
import time
from contextlib import closing
from dataclasses import replace

import flask_migrate
import psycopg2
import pytest
from sqlalchemy import text

from ofektom.app import create_app
from ofektom.extensions import db
from tests.concurrency.race import separate_database
from tests.conftest import MIGRATIONS

WRITE = "INSERT INTO audit_events (business_id, action, object_type) VALUES (0, 'test.written', 'test')"
BUILD = "CREATE INDEX CONCURRENTLY ix_audit_events_business_id_action_id ON audit_events (business_id, action, id)"
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
BUILDING = "SELECT count(*) FROM pg_stat_progress_create_index"
NEW = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_audit_events_business_id_%'"


@pytest.fixture
def before(database_url, settings):
    """An application on a database of its own, at the migration before; its requests' statements may take a second."""
    with separate_database(database_url, "before_0003") as url:
        application = create_app(replace(settings, database_url=url, statement_timeout_ms=1000), testing=True)
        with application.app_context():
            flask_migrate.upgrade(str(MIGRATIONS), "0002")
            yield application
            db.session.remove()
            db.engine.dispose()


def connect(app):
    """A connection like those of the service, which loses its patience quickly."""
    connection = psycopg2.connect(app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg2", ""))
    connection.autocommit = True
    connection.cursor().execute("SET lock_timeout = '100ms'")
    return closing(connection)


def migrate(app) -> None:
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
        db.engine.dispose()


def scalar(query: str) -> int:
    with db.engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def test_a_transaction_that_writes_holds_the_migration_up_and_nobody_else(before):
    """Not even a migration that has waited for longer than it may for a table, and than a request's statement may."""
    with connect(before) as writer, connect(before) as another:
        writer.autocommit = False
        writer.cursor().execute(WRITE)
        migration = threading.Thread(target=migrate, args=[before])
        migration.start()
        began = time.monotonic()
        while time.monotonic() < began + 2.5:
            another.cursor().execute(WRITE)
            time.sleep(0.05)
        assert scalar(BUILDING) == 1
        assert migration.is_alive()
        writer.commit()
        migration.join(60)
    assert not migration.is_alive()
    assert (scalar(INVALID), scalar(NEW)) == (0, 5)


def test_a_build_that_was_broken_off_is_made_good_by_the_next_try(before):
    with connect(before) as writer, connect(before) as builder:
        writer.autocommit = False
        writer.cursor().execute(WRITE)
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            builder.cursor().execute(BUILD)
        writer.commit()
    assert scalar(INVALID) == 1
    migrate(before)
    assert (scalar(INVALID), scalar(NEW)) == (0, 5)
