"""imported accounts: what they came with, and the imports

Accounts get their columns with defaults that no row is rewritten for; a marking may then have no collection, for it
was paid before the account came here.

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# See 0006: one lock on a busy table at a time, each given up soon; an index is built beside everybody's work.
LOCKS, BUILDING = "2s", "60s"
COLUMNS = {
    "commission_from": "smallint NOT NULL DEFAULT 1",
    "opening_balance": "bigint NOT NULL DEFAULT 0",
    "reference": "varchar(40)",
}
UNIQUE = "uq_savings_accounts_reference"
INVALID = sa.text("SELECT count(*) FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        before = _set_patience(LOCKS)
        added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in COLUMNS.items())
        op.execute(f"ALTER TABLE savings_accounts {added}")
        op.execute("ALTER TABLE markings ALTER COLUMN collection_id DROP NOT NULL")
        _create_imports()
        _set_patience(BUILDING)
        if not context.is_offline_mode() and op.get_bind().scalar(INVALID, {"name": UNIQUE}):
            op.drop_index(UNIQUE, postgresql_concurrently=True)
        op.create_index(
            UNIQUE,
            "savings_accounts",
            ["business_id", "reference"],
            unique=True,
            if_not_exists=True,
            postgresql_where=sa.text("reference IS NOT NULL"),
            postgresql_concurrently=True,
        )
        _set_patience(before)


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("opening_balances", sa.BigInteger(), nullable=False),
        sa.Column("membership_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_imports_business_id")),
        sa.ForeignKeyConstraint(
            ["business_id", "membership_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_imports_business_id_membership_id"),
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_imports")),
        sa.UniqueConstraint("business_id", "digest", name="uq_imports_digest"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Refused by the database once something was imported: a tick from elsewhere has no collection to point at."""
    op.drop_table("imports")
    op.alter_column("markings", "collection_id", nullable=False)
    for name in COLUMNS:
        op.drop_column("savings_accounts", name)


def _set_patience(lock_timeout: str) -> str:
    """Set the session's lock timeout; returns what it was."""
    before = "0" if context.is_offline_mode() else op.get_bind().scalar(sa.text("SHOW lock_timeout"))
    op.execute(f"SET lock_timeout = '{lock_timeout}'")
    return before
