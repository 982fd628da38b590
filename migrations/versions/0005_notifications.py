"""the outbox, deliveries, messages, webhooks, and how a business and its people want to be told

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.TIMESTAMP(timezone=True)
WAITING = sa.text("state = 'waiting'")
OF_BUSINESS = ["business_id"], ["businesses.id"]


def _id() -> sa.Column:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _business_id() -> sa.Column:
    return sa.Column("business_id", sa.BigInteger(), nullable=False)


def _member(table: str, column: str) -> sa.ForeignKeyConstraint:
    target = ["memberships.business_id", "memberships.id"]
    return sa.ForeignKeyConstraint(["business_id", column], target, name=f"fk_{table}_business_id_{column}")


def _keys(table: str, *columns: str) -> list:
    return [
        sa.ForeignKeyConstraint(*OF_BUSINESS, name=f"fk_{table}_business_id"),
        sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}"),
    ]


def upgrade() -> None:
    _create_outbox()
    _create_deliveries()
    _create_messages()
    _create_webhooks()
    op.add_column("memberships", sa.Column("phone_changed_at", TIME))
    op.add_column("business_settings", sa.Column("sms", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("business_settings", sa.Column("sms_sender", sa.String(11)))
    op.add_column("business_settings", sa.Column("quiet_from", sa.SmallInteger()))
    op.add_column("business_settings", sa.Column("quiet_until", sa.SmallInteger()))
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_business_settings_{name}"), "business_settings", condition)
    sender = sa.text("lower(sms_sender)")
    op.create_index("uq_business_settings_sms_sender", "business_settings", [sender], unique=True)


CHECKS = {
    "sms_sender": "sms_sender ~ '^[A-Za-z0-9 ]{3,11}$'",
    "quiet_hours": "quiet_from BETWEEN 0 AND 23 AND quiet_until BETWEEN 0 AND 23",
    "quiet_from_until": "(quiet_from IS NULL) = (quiet_until IS NULL)",
}


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        _business_id(),
        _id(),
        sa.Column("topic", sa.String(60), nullable=False),
        sa.Column("object_type", sa.String(40), nullable=False),
        sa.Column("object_id", sa.BigInteger()),
        sa.Column("member_id", sa.BigInteger()),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("seed", sa.String(60)),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("due_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("business_id", "id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_id", "outbox", ["id"])


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        _business_id(),
        _id(),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("lane", sa.String(300), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(60), nullable=False),
        sa.Column("member_id", sa.BigInteger()),
        sa.Column("target_id", sa.BigInteger()),
        sa.Column("address", sa.String(254)),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("seed", sa.String(60)),
        sa.Column("state", sa.String(7), nullable=False, server_default="waiting"),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("not_before", TIME),
        sa.Column("expires_at", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("reference", sa.String(100)),
        sa.Column("error", sa.String(200)),
        _member("deliveries", "member_id"),
        sa.CheckConstraint("state IN ('waiting', 'held', 'sent', 'dead')", name=op.f("ck_deliveries_state")),
        sa.CheckConstraint("(state IN ('sent', 'dead')) = (ended_at IS NOT NULL)", name=op.f("ck_deliveries_ended")),
        sa.CheckConstraint("seed IS NULL OR expires_at IS NOT NULL", name=op.f("ck_deliveries_seed_expires")),
        *_keys("deliveries", "business_id", "id"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["channel", "due_at", "id"], postgresql_where=WAITING)
    op.create_index("ix_deliveries_lane", "deliveries", ["business_id", "lane", "id"], postgresql_where=WAITING)
    for column in ("state", "member_id", "target_id"):
        op.create_index(f"ix_deliveries_business_id_{column}_id", "deliveries", ["business_id", column, "id"])
    op.create_index("ix_deliveries_ended_at", "deliveries", ["ended_at"])
    op.create_table(
        "sms_reports",
        sa.Column("reference", sa.String(100), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("at", TIME, nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint(
            "status IN ('on_its_way', 'failed', 'blocked', 'delivered')", name=op.f("ck_sms_reports_status")
        ),
        sa.PrimaryKeyConstraint("reference", name="pk_sms_reports"),
    )


def _create_messages() -> None:
    op.create_table(
        "messages",
        _business_id(),
        _id(),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(60), nullable=False),
        sa.Column("object_type", sa.String(40), nullable=False),
        sa.Column("object_id", sa.BigInteger()),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("read_at", TIME),
        _member("messages", "member_id"),
        *_keys("messages", "business_id", "id"),
    )
    of_member = ["business_id", "member_id", "id"]
    op.create_index("ix_messages_business_id_member_id_id", "messages", of_member)
    op.create_index("ix_messages_unread", "messages", of_member, postgresql_where=sa.text("read_at IS NULL"))
    op.create_table(
        "notification_wishes",
        _business_id(),
        _id(),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("in_app", sa.Boolean(), nullable=False),
        sa.Column("sms", sa.Boolean(), nullable=False),
        sa.Column("email", sa.Boolean(), nullable=False),
        _member("notification_wishes", "member_id"),
        sa.UniqueConstraint("business_id", "member_id", name="uq_notification_wishes_business_id_member_id"),
        *_keys("notification_wishes", "business_id", "id"),
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        _business_id(),
        _id(),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.String(60)), nullable=False),
        sa.Column("seed", sa.String(60), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_by_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
        _member("webhooks", "created_by_id"),
        *_keys("webhooks", "business_id", "id"),
    )


def downgrade() -> None:
    for table in ("webhooks", "notification_wishes", "messages", "sms_reports", "deliveries", "outbox"):
        op.drop_table(table)
    op.drop_index("uq_business_settings_sms_sender", table_name="business_settings")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_business_settings_{name}"), "business_settings")
    for column in ("quiet_until", "quiet_from", "sms_sender", "sms"):
        op.drop_column("business_settings", column)
    op.drop_column("memberships", "phone_changed_at")
