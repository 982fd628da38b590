"""a number for every receipt: 1, 2, 3 … for each collector, without a gap

Built while the service, also its release of before, goes on collecting: from the trigger on, every new collection has
its number; those of before are then numbered in their order, collector by collector.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# For a lock on a table, behind which everybody would queue; the building of an index holds nobody up.
LOCKS, BUILDING = "2s", "60s"

# Whoever has no counter yet has only collections of before this trigger, for it waits for all who are writing.
NUMBER = """
CREATE OR REPLACE FUNCTION number_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE receipt_counters SET issued = issued + 1
    WHERE business_id = NEW.business_id AND collector_id = NEW.collector_id RETURNING issued INTO NEW.number;
    IF NOT FOUND THEN
        INSERT INTO receipt_counters AS counter (business_id, collector_id, issued)
        SELECT NEW.business_id, NEW.collector_id, 1 + count(*) FROM collections
        WHERE business_id = NEW.business_id AND collector_id = NEW.collector_id
        ON CONFLICT (business_id, collector_id) DO UPDATE SET issued = counter.issued + 1
        RETURNING issued INTO NEW.number;
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE OR REPLACE TRIGGER number_receipt BEFORE INSERT ON collections
FOR EACH ROW WHEN (NEW.number IS NULL) EXECUTE FUNCTION number_receipt()
"""
# A transaction for each collector: somebody who takes a collection back meanwhile waits for one of these at most.
BACKFILL = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT DISTINCT business_id, collector_id FROM collections WHERE number IS NULL LOOP
        INSERT INTO receipt_counters (business_id, collector_id, issued)
        SELECT one.business_id, one.collector_id, count(*) FROM collections
        WHERE business_id = one.business_id AND collector_id = one.collector_id
        ON CONFLICT DO NOTHING;
        UPDATE collections SET number = numbered.number
        FROM (
            SELECT id, row_number() OVER (ORDER BY id) AS number FROM collections
            WHERE business_id = one.business_id AND collector_id = one.collector_id AND number IS NULL
        ) numbered
        WHERE collections.business_id = one.business_id AND collections.id = numbered.id;
        COMMIT;
    END LOOP;
END $$
"""
CHECKS = {"ck_collections_number": "number >= 1", "ck_collections_numbered": "number IS NOT NULL"}
UNIQUE = "uq_collections_number"
INVALID = sa.text("SELECT count(*) FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        before = _patience(LOCKS, "0")
        _number_new_ones()
        op.execute(BACKFILL)
        _patience(BUILDING, "0")
        _build_unique_index()
        _patience(LOCKS, "0")
        _insist()
        _patience(*before)


def _number_new_ones() -> None:
    op.create_table(
        "receipt_counters",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("collector_id", sa.BigInteger(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("issued >= 1", name=op.f("ck_receipt_counters_issued")),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_receipt_counters_business_id")),
        sa.ForeignKeyConstraint(
            ["business_id", "collector_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_receipt_counters_business_id_collector_id"),
        ),
        sa.PrimaryKeyConstraint("business_id", "collector_id", name=op.f("pk_receipt_counters")),
        if_not_exists=True,
    )
    op.execute("ALTER TABLE collections ADD COLUMN IF NOT EXISTS number bigint")
    op.execute(NUMBER)
    op.execute(TRIGGER)


def _build_unique_index() -> None:
    """A build that gave up leaves an index that is none; IF NOT EXISTS would take it for a good one."""
    if not context.is_offline_mode() and op.get_bind().scalar(INVALID, {"name": UNIQUE}):
        op.drop_index(UNIQUE, postgresql_concurrently=True)
    columns, options = ["business_id", "collector_id", "number"], {"unique": True, "if_not_exists": True}
    op.create_index(UNIQUE, "collections", columns, postgresql_concurrently=True, **options)


def _insist() -> None:
    """First of new rows, then of the old ones, which holds nobody up; then NOT NULL has nothing to read through."""
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE collections DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE collections ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        op.execute(f"ALTER TABLE collections VALIDATE CONSTRAINT {name}")
    op.alter_column("collections", "number", nullable=False)
    op.execute("ALTER TABLE collections DROP CONSTRAINT ck_collections_numbered")


def downgrade() -> None:
    op.execute("DROP TRIGGER number_receipt ON collections")
    op.execute("DROP FUNCTION number_receipt")
    op.drop_column("collections", "number")
    op.drop_table("receipt_counters")


def _patience(lock_timeout: str, statement_timeout: str) -> tuple[str, str]:
    """Set both timeouts of the session; returns what they were."""
    names = {"lock_timeout": lock_timeout, "statement_timeout": statement_timeout}
    offline = context.is_offline_mode()
    before = tuple("0" if offline else op.get_bind().scalar(sa.text(f"SHOW {name}")) for name in names)
    for name, value in names.items():
        op.execute(f"SET {name} = '{value}'")
    return before
