"""first schema

Revision: 0001
Follows: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# Entries, postings and audit rows are history: added, never changed. The one exception is the seal of an audit row,
# which is set once, after the fact.
APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
SEAL_ONCE = """
CREATE FUNCTION refuse_change_but_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.seal_id IS NULL AND NEW.seal_id IS NOT NULL
       AND to_jsonb(OLD) - 'seal_id' = to_jsonb(NEW) - 'seal_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
HISTORY = ("ledger_entries", "ledger_postings", "audit_seals")


def _guard_history() -> None:
    op.execute(APPEND_ONLY)
    op.execute(SEAL_ONCE)
    for table in (*HISTORY, "audit_events"):
        op.execute(f"CREATE TRIGGER no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()")
    for table in HISTORY:
        op.execute(f"CREATE TRIGGER no_update BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute(
        "CREATE TRIGGER seal_once BEFORE UPDATE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change_but_seal()"
    )


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("business_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("membership_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("object_type", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=True),
        sa.Column("before", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seal_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_audit_events_business_id_object_type_object_id_id"),
            ["business_id", "object_type", "object_id", "id"],
            unique=False,
        )
        batch_op.create_index("ix_audit_events_seal", ["business_id", "seal_id", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_events_unsealed", ["business_id", "id"], unique=False, postgresql_where=sa.text("seal_id IS NULL")
        )

    op.create_table(
        "audit_seals",
        sa.Column("business_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("business_id", "position", name=op.f("uq_audit_seals_business_id_position")),
    )
    op.create_table(
        "businesses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 120", name=op.f("ck_businesses_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_businesses")),
    )
    op.create_table(
        "guess_budgets",
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("recent", postgresql.ARRAY(postgresql.TIMESTAMP(timezone=True)), nullable=False),
        sa.Column("locked_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_guess_budgets")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("username", sa.String(length=40), nullable=True),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("full_name", sa.String(length=120), nullable=False),
        sa.Column("secret_hash", sa.String(length=200), nullable=True),
        sa.Column("secret_kind", sa.String(length=8), nullable=True),
        sa.Column("auth_version", sa.Integer(), nullable=False),
        sa.Column("is_super_admin", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "NOT is_super_admin OR secret_kind IS NOT DISTINCT FROM 'password'",
            name=op.f("ck_users_super_admin_password"),
        ),
        sa.CheckConstraint("phone ~ '^\\+[0-9]{8,15}$'", name=op.f("ck_users_phone_e164")),
        sa.CheckConstraint("secret_kind IN ('pin', 'password')", name=op.f("ck_users_secret_kind")),
        sa.CheckConstraint("(secret_hash IS NULL) = (secret_kind IS NULL)", name=op.f("ck_users_secret")),
        sa.CheckConstraint("username = lower(username) AND email = lower(email)", name=op.f("ck_users_lower_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("phone", name=op.f("uq_users_phone")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.create_table(
        "business_settings",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("commission_kind", sa.String(length=10), nullable=False),
        sa.Column("commission_value", sa.BigInteger(), nullable=False),
        sa.Column("commission_cap", sa.BigInteger(), nullable=True),
        sa.Column("commission_earned", sa.String(length=10), nullable=False),
        sa.Column("agent_share", sa.Integer(), nullable=False),
        sa.Column("cycle_kind", sa.String(length=15), nullable=False),
        sa.Column("cycle_days", sa.SmallInteger(), nullable=False),
        sa.Column("weekdays", sa.SmallInteger(), nullable=False),
        sa.Column("backdating_days", sa.SmallInteger(), nullable=False),
        sa.Column("reversal_minutes", sa.Integer(), nullable=False),
        sa.Column("two_approvers_above", sa.BigInteger(), nullable=True),
        sa.Column("partial_payouts", sa.Boolean(), nullable=False),
        sa.Column("cooldown_hours", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "commission_earned IN ('first_mark', 'cycle_end')", name=op.f("ck_business_settings_commission_earned")
        ),
        sa.CheckConstraint(
            "commission_kind IN ('one_day', 'percent', 'flat')", name=op.f("ck_business_settings_commission_kind")
        ),
        sa.CheckConstraint("cycle_kind IN ('days', 'calendar_month')", name=op.f("ck_business_settings_cycle_kind")),
        sa.CheckConstraint("agent_share BETWEEN 0 AND 10000", name=op.f("ck_business_settings_agent_share")),
        sa.CheckConstraint(
            "commission_cap BETWEEN 1 AND 100000000000", name=op.f("ck_business_settings_commission_cap")
        ),
        sa.CheckConstraint(
            "commission_value BETWEEN 0 AND 100000000000", name=op.f("ck_business_settings_commission_value")
        ),
        sa.CheckConstraint("cycle_days BETWEEN 1 AND 366", name=op.f("ck_business_settings_cycle_days")),
        sa.CheckConstraint("weekdays BETWEEN 1 AND 127", name=op.f("ck_business_settings_weekdays")),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_business_settings_business_id")),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_business_settings")),
    )
    op.create_table(
        "holidays",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_holidays_business_id")),
        sa.PrimaryKeyConstraint("business_id", "day", name=op.f("pk_holidays")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id")),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False)

    op.create_table(
        "ledger_accounts",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=True),
        sa.Column("ceiling", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("balance >= floor AND balance <= ceiling", name=op.f("ck_ledger_accounts_bounds")),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_ledger_accounts_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint(
            "business_id", "kind", "owner_id", name=op.f("uq_ledger_accounts_business_id_kind_owner_id")
        ),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=True),
        sa.Column("device", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("refreshed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_sessions_business_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_id_id"), ["user_id", "id"], unique=False)

    op.create_table(
        "units",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 80", name=op.f("ck_units_name")),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_units_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_units")),
        sa.UniqueConstraint("business_id", "name", name=op.f("uq_units_business_id_name")),
    )
    op.create_table(
        "memberships",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("full_name", sa.String(length=120), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("invitation_hash", sa.String(length=64), nullable=True),
        sa.Column("invitation_expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(role IN ('sub_agent', 'customer')) = (parent_id IS NOT NULL)", name=op.f("ck_memberships_parent")
        ),
        sa.CheckConstraint("role IN ('admin', 'agent', 'sub_agent', 'customer')", name=op.f("ck_memberships_role")),
        sa.CheckConstraint(
            "status IN ('invited', 'active', 'rejected', 'deactivated')", name=op.f("ck_memberships_status")
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_memberships_not_own_parent")),
        sa.ForeignKeyConstraint(
            ["business_id", "parent_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_memberships_business_id_parent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "unit_id"],
            ["units.business_id", "units.id"],
            name=op.f("fk_memberships_business_id_unit_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_memberships_business_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("business_id", "user_id", name=op.f("uq_memberships_business_id_user_id")),
        sa.UniqueConstraint("invitation_hash", name=op.f("uq_memberships_invitation_hash")),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_memberships_business_id_parent_id"), ["business_id", "parent_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_memberships_user_id"), ["user_id"], unique=False)

    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_refresh_tokens_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refresh_tokens_session_id"), ["session_id"], unique=False)

    op.create_table(
        "ledger_entries",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("membership_id", sa.BigInteger(), nullable=True),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("reverses_id <> id", name=op.f("ck_ledger_entries_not_own_reversal")),
        sa.ForeignKeyConstraint(
            ["business_id", "membership_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_ledger_entries_business_id_membership_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "reverses_id"],
            ["ledger_entries.business_id", "ledger_entries.id"],
            name=op.f("fk_ledger_entries_business_id_reverses_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_ledger_entries_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("business_id", "reference", name="uq_ledger_entries_reference"),
        sa.UniqueConstraint("business_id", "reverses_id", name="uq_ledger_entries_reverses"),
    )
    op.create_table(
        "payment_accounts",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("bank_code", sa.String(length=6), nullable=False),
        sa.Column("account_number", sa.String(length=10), nullable=False),
        sa.Column("account_name", sa.String(length=120), nullable=False),
        sa.Column("nuban", sa.String(length=9), nullable=False),
        sa.Column("usable_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("removed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("account_number ~ '^[0-9]{10}$'", name=op.f("ck_payment_accounts_account_number")),
        sa.CheckConstraint("bank_code ~ '^([0-9]{3}|[0-9]{5}|[0-9]{6})$'", name=op.f("ck_payment_accounts_bank_code")),
        sa.CheckConstraint("nuban IN ('valid', 'doubtful', 'unchecked')", name=op.f("ck_payment_accounts_nuban")),
        sa.ForeignKeyConstraint(
            ["business_id", "customer_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_payment_accounts_business_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_payment_accounts_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_payment_accounts")),
        sa.UniqueConstraint("business_id", "customer_id", "id", name="uq_payment_accounts_customer"),
    )
    with op.batch_alter_table("payment_accounts", schema=None) as batch_op:
        batch_op.create_index(
            "uq_payment_accounts_number",
            ["business_id", "customer_id", "bank_code", "account_number"],
            unique=True,
            postgresql_where=sa.text("removed_at IS NULL"),
        )

    op.create_table(
        "savings_accounts",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("tracking_number", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("rolled_from_id", sa.BigInteger(), nullable=True),
        sa.Column("cycle_kind", sa.String(length=15), nullable=False),
        sa.Column("cycle_days", sa.SmallInteger(), nullable=False),
        sa.Column("commission_kind", sa.String(length=10), nullable=False),
        sa.Column("commission_value", sa.BigInteger(), nullable=False),
        sa.Column("commission_cap", sa.BigInteger(), nullable=True),
        sa.Column("commission_earned", sa.String(length=10), nullable=False),
        sa.Column("agent_share", sa.Integer(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "commission_earned IN ('first_mark', 'cycle_end')", name=op.f("ck_savings_accounts_commission_earned")
        ),
        sa.CheckConstraint(
            "commission_kind IN ('one_day', 'percent', 'flat')", name=op.f("ck_savings_accounts_commission_kind")
        ),
        sa.CheckConstraint("cycle_kind IN ('days', 'calendar_month')", name=op.f("ck_savings_accounts_cycle_kind")),
        sa.CheckConstraint("kind IN ('daily', 'target')", name=op.f("ck_savings_accounts_kind")),
        sa.CheckConstraint(
            "state IN ('not_started', 'in_progress', 'completed', 'paid_out')", name=op.f("ck_savings_accounts_state")
        ),
        sa.CheckConstraint("tracking_number ~ '^[0-9]{10}$'", name=op.f("ck_savings_accounts_tracking_number")),
        sa.CheckConstraint("agent_share BETWEEN 0 AND 10000", name=op.f("ck_savings_accounts_agent_share")),
        sa.CheckConstraint("credit >= 0", name=op.f("ck_savings_accounts_credit")),
        sa.ForeignKeyConstraint(
            ["business_id", "customer_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_savings_accounts_business_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "rolled_from_id"],
            ["savings_accounts.business_id", "savings_accounts.id"],
            name=op.f("fk_savings_accounts_business_id_rolled_from_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_savings_accounts_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_savings_accounts")),
        sa.UniqueConstraint("business_id", "rolled_from_id", name="uq_savings_accounts_rolled_from"),
        sa.UniqueConstraint("business_id", "tracking_number", name="uq_savings_accounts_tracking_number"),
    )
    with op.batch_alter_table("savings_accounts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_savings_accounts_business_id_customer_id"), ["business_id", "customer_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_savings_accounts_business_id_state_id"), ["business_id", "state", "id"], unique=False
        )

    op.create_table(
        "collections",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("collector_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=13), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("credit_change", sa.BigInteger(), nullable=False),
        sa.Column("collected_on", sa.Date(), nullable=False),
        sa.Column("client_time", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reversed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reversed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("reversal_reason", sa.String(length=300), nullable=True),
        sa.CheckConstraint("method IN ('cash')", name=op.f("ck_collections_method")),
        sa.CheckConstraint("(amount = 0) = (entry_id IS NULL)", name=op.f("ck_collections_entry")),
        sa.CheckConstraint("(reversed_at IS NULL) = (reversal_reason IS NULL)", name=op.f("ck_collections_reversal")),
        sa.CheckConstraint("amount BETWEEN 0 AND 100000000000", name=op.f("ck_collections_amount")),
        sa.ForeignKeyConstraint(
            ["business_id", "account_id"],
            ["savings_accounts.business_id", "savings_accounts.id"],
            name=op.f("fk_collections_business_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "collector_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_collections_business_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "entry_id"],
            ["ledger_entries.business_id", "ledger_entries.id"],
            name=op.f("fk_collections_business_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "reversed_by_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_collections_business_id_reversed_by_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_collections_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_collections")),
    )
    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_collections_business_id_account_id_id"), ["business_id", "account_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_collections_business_id_collector_id_id"),
            ["business_id", "collector_id", "id"],
            unique=False,
        )

    op.create_table(
        "commissions",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_amount", sa.BigInteger(), nullable=False),
        sa.Column("business_amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('earned', 'clawed_back')", name=op.f("ck_commissions_status")),
        sa.CheckConstraint("agent_amount + business_amount > 0", name=op.f("ck_commissions_amount")),
        sa.CheckConstraint("agent_amount >= 0 AND business_amount >= 0", name=op.f("ck_commissions_parts")),
        sa.ForeignKeyConstraint(
            ["business_id", "account_id"],
            ["savings_accounts.business_id", "savings_accounts.id"],
            name=op.f("fk_commissions_business_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "agent_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_commissions_business_id_agent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "entry_id"],
            ["ledger_entries.business_id", "ledger_entries.id"],
            name=op.f("fk_commissions_business_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_commissions_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_commissions")),
    )
    with op.batch_alter_table("commissions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_commissions_business_id_agent_id_id"), ["business_id", "agent_id", "id"], unique=False
        )
        batch_op.create_index(
            "uq_commissions_cycle",
            ["business_id", "account_id", "cycle"],
            unique=True,
            postgresql_where=sa.text("status = 'earned'"),
        )

    op.create_table(
        "ledger_postings",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("destination_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("source_balance", sa.BigInteger(), nullable=False),
        sa.Column("destination_balance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount BETWEEN 1 AND 100000000000", name=op.f("ck_ledger_postings_amount")),
        sa.CheckConstraint("source_id <> destination_id", name=op.f("ck_ledger_postings_two_accounts")),
        sa.ForeignKeyConstraint(
            ["business_id", "destination_id"],
            ["ledger_accounts.business_id", "ledger_accounts.id"],
            name=op.f("fk_ledger_postings_business_id_destination_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "entry_id"],
            ["ledger_entries.business_id", "ledger_entries.id"],
            name=op.f("fk_ledger_postings_business_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "source_id"],
            ["ledger_accounts.business_id", "ledger_accounts.id"],
            name=op.f("fk_ledger_postings_business_id_source_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_ledger_postings_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_ledger_postings")),
    )
    with op.batch_alter_table("ledger_postings", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_postings_business_id_destination_id_id"),
            ["business_id", "destination_id", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_postings_business_id_entry_id"), ["business_id", "entry_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_postings_business_id_source_id_id"), ["business_id", "source_id", "id"], unique=False
        )

    op.create_table(
        "payment_requests",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("from_credit", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("payment_account_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("paid_by_id", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("bank_reference", sa.String(length=60), nullable=True),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("code_expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(method = 'transfer') = (payment_account_id IS NOT NULL)", name=op.f("ck_payment_requests_destination")
        ),
        sa.CheckConstraint("(status = 'paid') = (paid_at IS NOT NULL)", name=op.f("ck_payment_requests_paid")),
        sa.CheckConstraint("method IN ('cash', 'transfer')", name=op.f("ck_payment_requests_method")),
        sa.CheckConstraint(
            "status IN ('requested', 'approved', 'paid', 'rejected', 'cancelled', 'failed')",
            name=op.f("ck_payment_requests_status"),
        ),
        sa.CheckConstraint("amount BETWEEN 1 AND 100000000000", name=op.f("ck_payment_requests_amount")),
        sa.CheckConstraint("approvals_needed BETWEEN 1 AND 2", name=op.f("ck_payment_requests_approvals_needed")),
        sa.CheckConstraint("from_credit BETWEEN 0 AND amount", name=op.f("ck_payment_requests_from_credit")),
        sa.ForeignKeyConstraint(
            ["business_id", "account_id"],
            ["savings_accounts.business_id", "savings_accounts.id"],
            name=op.f("fk_payment_requests_business_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "customer_id", "payment_account_id"],
            ["payment_accounts.business_id", "payment_accounts.customer_id", "payment_accounts.id"],
            name="fk_payment_requests_payment_account",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "customer_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_payment_requests_business_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "decided_by_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_payment_requests_business_id_decided_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "paid_by_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_payment_requests_business_id_paid_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "requested_by_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_payment_requests_business_id_requested_by_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_payment_requests_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_payment_requests")),
        sa.UniqueConstraint("business_id", "id", "requested_by_id", name="uq_payment_requests_requester"),
    )
    with op.batch_alter_table("payment_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_payment_requests_business_id_account_id_id"),
            ["business_id", "account_id", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_payment_requests_business_id_status_id"), ["business_id", "status", "id"], unique=False
        )

    op.create_table(
        "savings_terms",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("contribution", sa.BigInteger(), nullable=False),
        sa.Column("weekdays", sa.SmallInteger(), nullable=False),
        sa.Column("cycles", sa.SmallInteger(), nullable=True),
        sa.Column("target_amount", sa.BigInteger(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(cycles IS NULL) = (target_amount IS NOT NULL)", name=op.f("ck_savings_terms_kind")),
        sa.CheckConstraint("(target_amount IS NULL) = (end_date IS NULL)", name=op.f("ck_savings_terms_target")),
        sa.CheckConstraint("contribution BETWEEN 1 AND 100000000000", name=op.f("ck_savings_terms_contribution")),
        sa.CheckConstraint("cycles >= 1", name=op.f("ck_savings_terms_cycles")),
        sa.CheckConstraint("target_amount BETWEEN 1 AND 100000000000", name=op.f("ck_savings_terms_target_amount")),
        sa.CheckConstraint("weekdays BETWEEN 1 AND 127", name=op.f("ck_savings_terms_weekdays")),
        sa.ForeignKeyConstraint(
            ["business_id", "account_id"],
            ["savings_accounts.business_id", "savings_accounts.id"],
            name=op.f("fk_savings_terms_business_id_account_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_savings_terms_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_savings_terms")),
    )
    with op.batch_alter_table("savings_terms", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_savings_terms_business_id_account_id_id"), ["business_id", "account_id", "id"], unique=False
        )

    op.create_table(
        "markings",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("slot_date", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("cycle", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.CheckConstraint("status IN ('paid', 'reversed')", name=op.f("ck_markings_status")),
        sa.CheckConstraint("amount BETWEEN 1 AND 100000000000", name=op.f("ck_markings_amount")),
        sa.CheckConstraint("cycle >= 1", name=op.f("ck_markings_cycle")),
        sa.ForeignKeyConstraint(
            ["business_id", "account_id"],
            ["savings_accounts.business_id", "savings_accounts.id"],
            name=op.f("fk_markings_business_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "collection_id"],
            ["collections.business_id", "collections.id"],
            name=op.f("fk_markings_business_id_collection_id"),
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_markings_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_markings")),
    )
    with op.batch_alter_table("markings", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_markings_business_id_collection_id"), ["business_id", "collection_id"], unique=False
        )
        batch_op.create_index(
            "uq_markings_slot",
            ["business_id", "account_id", "slot_date"],
            unique=True,
            postgresql_where=sa.text("status <> 'reversed'"),
        )

    op.create_table(
        "payment_approvals",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=False),
        sa.Column("approver_id", sa.BigInteger(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("approver_id <> requested_by_id", name=op.f("ck_payment_approvals_not_requester")),
        sa.ForeignKeyConstraint(
            ["business_id", "approver_id"],
            ["memberships.business_id", "memberships.id"],
            name=op.f("fk_payment_approvals_business_id_approver_id"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "request_id", "requested_by_id"],
            ["payment_requests.business_id", "payment_requests.id", "payment_requests.requested_by_id"],
            name="fk_payment_approvals_request",
        ),
        sa.ForeignKeyConstraint(["business_id"], ["businesses.id"], name=op.f("fk_payment_approvals_business_id")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_payment_approvals")),
        sa.UniqueConstraint("business_id", "request_id", "approver_id", name="uq_payment_approvals_approver"),
    )
    _guard_history()


def downgrade() -> None:
    op.drop_table("payment_approvals")
    with op.batch_alter_table("markings", schema=None) as batch_op:
        batch_op.drop_index("uq_markings_slot", postgresql_where=sa.text("status <> 'reversed'"))
        batch_op.drop_index(batch_op.f("ix_markings_business_id_collection_id"))

    op.drop_table("markings")
    with op.batch_alter_table("savings_terms", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_savings_terms_business_id_account_id_id"))

    op.drop_table("savings_terms")
    with op.batch_alter_table("payment_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_requests_business_id_status_id"))
        batch_op.drop_index(batch_op.f("ix_payment_requests_business_id_account_id_id"))

    op.drop_table("payment_requests")
    with op.batch_alter_table("ledger_postings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_postings_business_id_source_id_id"))
        batch_op.drop_index(batch_op.f("ix_ledger_postings_business_id_entry_id"))
        batch_op.drop_index(batch_op.f("ix_ledger_postings_business_id_destination_id_id"))

    op.drop_table("ledger_postings")
    with op.batch_alter_table("commissions", schema=None) as batch_op:
        batch_op.drop_index("uq_commissions_cycle", postgresql_where=sa.text("status = 'earned'"))
        batch_op.drop_index(batch_op.f("ix_commissions_business_id_agent_id_id"))

    op.drop_table("commissions")
    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_collections_business_id_collector_id_id"))
        batch_op.drop_index(batch_op.f("ix_collections_business_id_account_id_id"))

    op.drop_table("collections")
    with op.batch_alter_table("savings_accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_savings_accounts_business_id_state_id"))
        batch_op.drop_index(batch_op.f("ix_savings_accounts_business_id_customer_id"))

    op.drop_table("savings_accounts")
    with op.batch_alter_table("payment_accounts", schema=None) as batch_op:
        batch_op.drop_index("uq_payment_accounts_number", postgresql_where=sa.text("removed_at IS NULL"))

    op.drop_table("payment_accounts")
    op.drop_table("ledger_entries")
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refresh_tokens_session_id"))

    op.drop_table("refresh_tokens")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_memberships_user_id"))
        batch_op.drop_index(batch_op.f("ix_memberships_business_id_parent_id"))

    op.drop_table("memberships")
    op.drop_table("units")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_id_id"))

    op.drop_table("sessions")
    op.drop_table("ledger_accounts")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at"))

    op.drop_table("idempotency_keys")
    op.drop_table("holidays")
    op.drop_table("business_settings")
    op.drop_table("users")
    op.drop_table("guess_budgets")
    op.drop_table("businesses")
    op.drop_table("audit_seals")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_events_unsealed", postgresql_where=sa.text("seal_id IS NULL"))
        batch_op.drop_index("ix_audit_events_seal")
        batch_op.drop_index(batch_op.f("ix_audit_events_business_id_object_type_object_id_id"))

    op.drop_table("audit_events")
    op.execute("DROP FUNCTION refuse_change_but_seal")
    op.execute("DROP FUNCTION refuse_change")
