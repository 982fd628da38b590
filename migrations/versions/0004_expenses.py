"""expenses of a business, and the expense cards of its customers

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expense_cards",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("income", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("spent BETWEEN 0 AND income", name=op.f("ck_expense_cards_budget")),
        sa.ForeignKeyConstraint(
            ["business_id", "account_id"],
            ["savings_accounts.business_id", "savings_accounts.id"],
            name=op.f("fk_expense_cards_business_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "customer_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_expense_cards_business_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_expense_cards_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_expense_cards")),
        sa.UniqueConstraint("business_id", "account_id", name="uq_expense_cards_account"),
    )
    op.create_index(
        op.f("ix_expense_cards_business_id_customer_id_id"), "expense_cards", ["business_id", "customer_id", "id"]
    )

    op.create_table(
        "expenses",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("spender_id", sa.BigInteger(), nullable=False),
        sa.Column("paid_from", sa.String(length=13), nullable=False),
        sa.Column("category", sa.String(length=12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("receipt_number", sa.String(length=60), nullable=True),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reversed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("reversed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.CheckConstraint(
            "(needs_approval AND status <> 'requested') = (decided_by_id IS NOT NULL)", name=op.f("ck_expenses_decided")
        ),
        sa.CheckConstraint("(status = 'reversed') = (reversed_by_id IS NOT NULL)", name=op.f("ck_expenses_reversal")),
        sa.CheckConstraint(
            "(status IN ('posted', 'reversed')) = (entry_id IS NOT NULL)", name=op.f("ck_expenses_entry")
        ),
        sa.CheckConstraint(
            "(status IN ('rejected', 'reversed')) = (reason IS NOT NULL)", name=op.f("ck_expenses_reason")
        ),
        sa.CheckConstraint(
            "category IN ('transport', 'fuel', 'rent', 'airtime', 'stationery', 'repairs', 'wages', 'levies',"
            " 'bank_charges', 'other')",
            name=op.f("ck_expenses_category"),
        ),
        sa.CheckConstraint("needs_approval OR status IN ('posted', 'reversed')", name=op.f("ck_expenses_waiting")),
        sa.CheckConstraint("paid_from IN ('agent_cash', 'business_cash', 'bank')", name=op.f("ck_expenses_paid_from")),
        sa.CheckConstraint(
            "status = 'rejected' OR decided_by_id <> spender_id", name=op.f("ck_expenses_not_requester")
        ),
        sa.CheckConstraint(
            "status IN ('requested', 'posted', 'rejected', 'reversed')", name=op.f("ck_expenses_status")
        ),
        sa.CheckConstraint("amount BETWEEN 1 AND 100000000000", name=op.f("ck_expenses_amount")),
        sa.ForeignKeyConstraint(
            ["business_id", "decided_by_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_expenses_business_id_decided_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "entry_id"],
            ["ledger_entries.business_id", "ledger_entries.id"],
            name=op.f("fk_expenses_business_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "reversed_by_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_expenses_business_id_reversed_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "spender_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_expenses_business_id_spender_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_expenses_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_expenses")),
    )
    op.create_index(op.f("ix_expenses_business_id_business_day_id"), "expenses", ["business_id", "business_day", "id"])
    op.create_index(op.f("ix_expenses_business_id_spender_id_id"), "expenses", ["business_id", "spender_id", "id"])
    op.create_index(op.f("ix_expenses_business_id_status_id"), "expenses", ["business_id", "status", "id"])

    op.create_table(
        "expense_card_incomes",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("created_by_id", sa.BigInteger(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_expense_card_incomes_amount")),
        sa.ForeignKeyConstraint(
            ["business_id", "card_id"],
            ["expense_cards.business_id", "expense_cards.id"],
            name=op.f("fk_expense_card_incomes_business_id_card_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "created_by_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_expense_card_incomes_business_id_created_by_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_expense_card_incomes_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_expense_card_incomes")),
    )
    op.create_index(
        op.f("ix_expense_card_incomes_business_id_card_id_id"), "expense_card_incomes", ["business_id", "card_id", "id"]
    )

    op.create_table(
        "expense_items",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("category", sa.String(length=10), nullable=False),
        sa.Column("planned_amount", sa.BigInteger(), nullable=True),
        sa.Column("spent_amount", sa.BigInteger(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("spent_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "category IN ('food', 'rent', 'school', 'health', 'transport', 'trade', 'clothing', 'utilities', 'family',"
            " 'ceremonies', 'debts', 'other')",
            name=op.f("ck_expense_items_category"),
        ),
        sa.CheckConstraint("(spent_amount IS NULL) = (spent_at IS NULL)", name=op.f("ck_expense_items_spent")),
        sa.CheckConstraint("planned_amount BETWEEN 1 AND 100000000000", name=op.f("ck_expense_items_planned_amount")),
        sa.CheckConstraint(
            "planned_amount IS NOT NULL OR spent_amount IS NOT NULL", name=op.f("ck_expense_items_amount")
        ),
        sa.CheckConstraint("spent_amount BETWEEN 1 AND 100000000000", name=op.f("ck_expense_items_spent_amount")),
        sa.ForeignKeyConstraint(
            ["business_id", "card_id"],
            ["expense_cards.business_id", "expense_cards.id"],
            name=op.f("fk_expense_items_business_id_card_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_expense_items_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_expense_items")),
    )
    op.create_index(op.f("ix_expense_items_business_id_card_id_id"), "expense_items", ["business_id", "card_id", "id"])

    op.add_column(
        "business_settings",
        sa.Column("expense_approval_above", sa.BigInteger(), server_default=sa.text("1000000"), nullable=True),
    )
    op.create_check_constraint(
        op.f("ck_business_settings_expense_approval_above"),
        "business_settings",
        "expense_approval_above BETWEEN 0 AND 100000000000",
    )


def downgrade() -> None:
    op.drop_column("business_settings", "expense_approval_above")
    for table in ("expense_items", "expense_card_incomes", "expenses", "expense_cards"):
        op.drop_table(table)
