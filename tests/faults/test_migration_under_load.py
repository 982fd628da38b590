"""A migration goes up and down while the service is used, and one that cannot have its lock lets the others through."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from local.postgres import embedded
from ofektom.app import create_app
from ofektom.extensions import db
from tests.cast import Cast, Staff
from tests.concurrency.race import scalar
from tests.conf.processes import free_port
from tests.conftest import MIGRATIONS
from tests.faults.damage import holding
from tests.faults.servers import application, gunicorn
from tests.faults.traffic import Traffic, flowing

LOCK_SECONDS = 2  # LOCK_TIMEOUT of migrations/env.py
# What a release may add to tables in use: nothing rewrites one, or reads one while it holds others up, and no two busy
# tables are locked in one transaction, for requests would lock them in another order.
ADDITIONS = {
    "a column that may be null": (
        'op.add_column("savings_accounts", sa.Column("note", sa.Text()))',
        'op.drop_column("savings_accounts", "note")',
    ),
    "a table": (
        """op.create_table(
            "sample_notes",
            sa.Column("business_id", sa.BigInteger(), primary_key=True),
            sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
            sa.Column("account_id", sa.BigInteger()),
            sa.ForeignKeyConstraint(
                ["business_id", "account_id"], ["savings_accounts.business_id", "savings_accounts.id"]
            ),
        )""",
        'op.drop_table("sample_notes")',
    ),
    "a constraint, not looked at yet": (
        'op.execute("ALTER TABLE collections ADD CONSTRAINT ck_sample CHECK (amount > 0) NOT VALID")',
        'op.drop_constraint("ck_sample", "collections")',
    ),
    "the look, which lets others write": (
        'op.execute("ALTER TABLE collections VALIDATE CONSTRAINT ck_sample")',
        "pass",
    ),
    "an index": (
        """with op.get_context().autocommit_block():
            op.create_index("ix_sample", "collections", ["business_id", "amount"], postgresql_concurrently=True)""",
        """with op.get_context().autocommit_block():
            op.drop_index("ix_sample", "collections", postgresql_concurrently=True)""",
    ),
}
MIGRATION = '''
"""{title}"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{revision}", "{before}", None, None


def upgrade():
        {up}


def downgrade():
        {down}
'''
HEAD = ScriptDirectory(str(MIGRATIONS)).get_current_head()
DONE = "SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = 'ix_sample' AND indisvalid"


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with embedded(tmp_path_factory.mktemp("migrated") / "data", fast=True) as url:
        yield url


@pytest.fixture(scope="module")
def cast(url, settings) -> Cast:
    return Cast(Staff(application(settings, url)))


@pytest.fixture(scope="module")
def traffic(cast, url, settings, tmp_path_factory) -> Iterator[Traffic]:
    """Requests that never stop, to a service as in production."""
    port = free_port()
    with (
        gunicorn(settings, url, port, tmp_path_factory.mktemp("gunicorn") / "log"),
        flowing(Traffic(cast, port)) as traffic,
    ):
        yield traffic


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    """The migrations, and after the last of them those of the sample."""
    place = tmp_path_factory.mktemp("sample") / "migrations"
    shutil.copytree(MIGRATIONS, place)
    before = HEAD
    for number, (title, (up, down)) in enumerate(ADDITIONS.items()):
        text = MIGRATION.format(title=title, revision=f"sample{number}", before=before, up=up, down=down)
        (place / "versions" / f"sample{number}.py").write_text(text)
        before = f"sample{number}"
    return place


@pytest.fixture
def operator(cast, url, settings):
    """The application that runs the migrations. Its requests would wait a minute for a lock or a statement."""
    patient = replace(settings, database_url=url, lock_timeout_ms=60_000, statement_timeout_ms=60_000, redis_url="")
    return create_app(patient, testing=True)


def upgrade(app, directory: Path) -> None:
    with app.app_context():
        flask_migrate.upgrade(str(directory))
        db.engine.dispose()


def test_up_down_and_up_again(traffic, operator, directory):
    for _ in range(2):
        upgrade(operator, directory)
        assert scalar(operator, DONE) == 1
        traffic.goes_on()
        with operator.app_context():
            flask_migrate.downgrade(str(directory), HEAD)
        assert scalar(operator, DONE) == 0
        traffic.goes_on()
    traffic.check()


def test_without_its_lock_it_gives_up_and_requests_go_on(traffic, cast, operator, directory):
    """Somebody's transaction does not end: whoever came after the migration waits as long as it, and is served then."""
    mine = cast.open_account(cast.gbenga)["id"]
    lock = "UPDATE savings_accounts SET credit = credit WHERE id = :id"
    with ThreadPoolExecutor(1) as aside, holding(cast.app, lock, id=mine):
        began = time.monotonic()
        with pytest.raises(OperationalError, match="lock timeout"):
            aside.submit(upgrade, operator, directory).result(15)
        assert time.monotonic() - began >= LOCK_SECONDS
        traffic.goes_on()
    traffic.check()
    upgrade(operator, directory)
    assert scalar(operator, DONE) == 1
