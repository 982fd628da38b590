"""sums of arrears, reckoned beforehand where a business has many accounts

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SUMS = ("last_account_id", "active", "accounts", "slots", "amount", "slots_due", "amount_due")


def upgrade() -> None:
    op.create_table(
        "reckonings",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("begun_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True)),
        *(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in SUMS),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name="fk_reckonings_business_id"),
        sa.PrimaryKeyConstraint("business_id", "id", name="pk_reckonings"),
    )
    unfinished = {"unique": True, "postgresql_where": sa.text("ended_at IS NULL")}
    op.create_index("uq_reckonings_unfinished", "reckonings", ["business_id"], **unfinished)


def downgrade() -> None:
    op.drop_table("reckonings")
