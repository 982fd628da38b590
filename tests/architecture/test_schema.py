"""The migrated database is what the models say, can be taken down and put up again, and keeps tenants apart."""

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ofektom.app import create_app
from ofektom.config import load_settings
from ofektom.extensions import db
from tests.conftest import MIGRATIONS

WITHOUT_TENANT_REFERENCE = {"audit_events", "audit_seals"}  # PLATFORM is no business; see ofektom/audit.py


@pytest.fixture
def empty_database(database_url):
    """A database of its own on the suite's server."""
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS empty"))
        connection.execute(sa.text("CREATE DATABASE empty"))
    yield database_url.replace("/postgres?", "/empty?")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("DROP DATABASE empty WITH (FORCE)"))
    engine.dispose()


def test_models_are_the_migrated_schema(app):
    with app.app_context(), db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []


def test_migrations_go_up_down_and_up_again(empty_database, settings):
    other = create_app(
        load_settings(vars(settings) | {"database_url": empty_database}),
        testing=True,
    )
    with other.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
        flask_migrate.downgrade(str(MIGRATIONS), "base")
        with db.engine.connect() as connection:
            left = sa.inspect(connection).get_table_names()
            functions = connection.scalar(
                sa.text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
            )
        assert (left, functions) == (["alembic_version"], 0)
        flask_migrate.upgrade(str(MIGRATIONS))
        with db.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []
        db.engine.dispose()


def tenant_tables():
    return [table for table in db.metadata.sorted_tables if "business_id" in table.c]


def test_a_tenants_table_has_the_business_first_in_its_key():
    platform_wide = {"sessions"}  # a session belongs to a user and says where they work at the moment
    for table in tenant_tables():
        if table.name not in platform_wide:
            assert next(iter(table.primary_key.columns)).name == "business_id", table.name


def test_a_reference_between_tenants_tables_carries_the_business():
    tenants = {table.name for table in tenant_tables()}
    for table in tenant_tables():
        for constraint in table.foreign_key_constraints:
            if constraint.referred_table.name in tenants:
                assert "business_id" in constraint.column_keys, constraint.name


def test_every_constraint_has_a_stable_name():
    for table in db.metadata.sorted_tables:
        for constraint in table.constraints:
            assert str(constraint.name).split("_")[0] in {"pk", "uq", "ck", "fk"}, constraint
        for index in table.indexes:
            assert index.name.startswith(("ix_", "uq_")), index.name


def test_every_constraint_an_error_names_exists(app):
    from ofektom.errors import Problem

    names = {str(constraint.name) for table in db.metadata.sorted_tables for constraint in table.constraints}
    names |= {index.name for table in db.metadata.sorted_tables for index in table.indexes}
    assert set(Problem.by_constraint) <= names


def test_money_is_whole_and_time_has_a_zone():
    for table in db.metadata.sorted_tables:
        for column in table.c:
            assert not isinstance(column.type, sa.Numeric | sa.Float), column
            if isinstance(column.type, sa.DateTime):
                assert column.type.timezone, column
            if column.name.endswith("amount") or column.name in {"balance", "contribution", "credit"}:
                assert isinstance(column.type, sa.BigInteger), column
