"""the indexes that named queries need (docs/indexes.md), built while the service goes on writing

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_memberships_business_id_role_id": ("memberships", ["business_id", "role", "id"]),
    "ix_memberships_business_id_status_id": ("memberships", ["business_id", "status", "id"]),
    "ix_memberships_business_id_unit_id_id": ("memberships", ["business_id", "unit_id", "id"]),
    "ix_savings_accounts_business_id_kind_id": ("savings_accounts", ["business_id", "kind", "id"]),
    "ix_savings_accounts_open": ("savings_accounts", ["business_id", "id"]),
    "ix_collections_business_id_collected_on_id": ("collections", ["business_id", "collected_on", "id"]),
    "ix_payment_requests_business_id_customer_id_id": ("payment_requests", ["business_id", "customer_id", "id"]),
    "ix_commissions_business_id_account_id_id": ("commissions", ["business_id", "account_id", "id"]),
    "ix_commissions_business_id_agent_id_at": ("commissions", ["business_id", "agent_id", "at"]),
    "ix_audit_events_business_id_object_type_id": ("audit_events", ["business_id", "object_type", "id"]),
    "ix_audit_events_business_id_action_id": ("audit_events", ["business_id", "action", "id"]),
    "ix_audit_events_business_id_membership_id_id": ("audit_events", ["business_id", "membership_id", "id"]),
    "ix_audit_events_business_id_request_id": ("audit_events", ["business_id", "request_id"]),
}
PARTS = {"ix_savings_accounts_open": sa.text("state IN ('not_started', 'in_progress')")}
# Building concurrently waits for the transactions that have begun before, and holds nobody up meanwhile: so it may be
# patient, where a lock on a table may not. No transaction of the service lives this long.
PATIENCE = "60s"
# A build that gave up leaves an index that costs writes and serves nobody. IF NOT EXISTS would take it for a good one.
INVALID = sa.text(
    "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid WHERE NOT indisvalid AND relname = ANY(:names)"
    " AND relnamespace = current_schema()::regnamespace"
)


def _invalid() -> set[str]:
    if context.is_offline_mode():
        return set()
    return set(op.get_bind().scalars(INVALID, {"names": list(INDEXES)}))


def upgrade() -> None:
    invalid = _invalid()
    with op.get_context().autocommit_block():
        before = _be_patient()
        for name in invalid:
            op.drop_index(name, postgresql_concurrently=True)
        for name, (table, columns) in INDEXES.items():
            part = {"postgresql_where": PARTS[name]} if name in PARTS else {}
            op.create_index(name, table, columns, if_not_exists=True, postgresql_concurrently=True, **part)
        op.execute(f"SET lock_timeout = '{before}'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        before = _be_patient()
        for name in INDEXES:
            op.drop_index(name, if_exists=True, postgresql_concurrently=True)
        op.execute(f"SET lock_timeout = '{before}'")


def _be_patient() -> str:
    before = "0" if context.is_offline_mode() else op.get_bind().scalar(sa.text("SHOW lock_timeout"))
    op.execute(f"SET lock_timeout = '{PATIENCE}'")
    return before
