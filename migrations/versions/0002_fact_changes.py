"""which facts have changed, so that no process believes an old copy of one; and a business's public page

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The subjects are the names under which copies are kept (ofektom/caching.py, CacheKeys).
NOTE = """
CREATE FUNCTION note_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fact_changes (subject) VALUES ({subject});
    RETURN NULL;
END $$
"""
# Only people who can sign in have facts that somebody may hold a copy of.
NOTE_NEW_MEMBERS = """
CREATE FUNCTION note_new_memberships() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fact_changes (subject)
    SELECT DISTINCT 'businesses:{' || new_rows.user_id || '}' FROM new_rows
    JOIN users ON users.id = new_rows.user_id AND users.secret_hash IS NOT NULL;
    RETURN NULL;
END $$
"""
SUBJECTS = {
    "users": "'user:{' || OLD.id || '}'",
    "sessions": "'session:{' || OLD.user_id || '}:' || OLD.id",
    "memberships": "'businesses:{' || OLD.user_id || '}'",
    "businesses": "'business:' || OLD.id",
    "business_settings": "'settings:' || OLD.business_id",
    "holidays": "'holidays:' || coalesce(NEW.business_id, OLD.business_id)",
}
# What of a row makes copies stale. A session that is extended does not: its copies are only more careful.
CONDITIONS = {
    "users": "OLD.* IS DISTINCT FROM NEW.*",
    "sessions": "OLD.ended_at IS DISTINCT FROM NEW.ended_at OR OLD.business_id IS DISTINCT FROM NEW.business_id"
    " OR NEW.expires_at < OLD.expires_at",
    "memberships": "(OLD.role, OLD.status, OLD.user_id) IS DISTINCT FROM (NEW.role, NEW.status, NEW.user_id)",
    "businesses": "OLD.* IS DISTINCT FROM NEW.*",
    "business_settings": "OLD.* IS DISTINCT FROM NEW.*",
    "holidays": "OLD.* IS DISTINCT FROM NEW.*",
}


def _note_changes() -> None:
    for table, subject in SUBJECTS.items():
        op.execute(NOTE.format(name=table, subject=subject))
        run = f"FOR EACH ROW {{}} EXECUTE FUNCTION note_{table}()"
        when = f"WHEN ({CONDITIONS[table]})"
        op.execute(f"CREATE TRIGGER note_update AFTER UPDATE ON {table} {run.format(when)}")
        op.execute(f"CREATE TRIGGER note_delete AFTER DELETE ON {table} {run.format('')}")
    op.execute("CREATE TRIGGER note_insert AFTER INSERT ON holidays FOR EACH ROW EXECUTE FUNCTION note_holidays()")
    op.execute(NOTE_NEW_MEMBERS)
    op.execute(
        "CREATE TRIGGER note_insert AFTER INSERT ON memberships REFERENCING NEW TABLE AS new_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION note_new_memberships()"
    )


def upgrade() -> None:
    op.create_table(
        "fact_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "xid", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text::bigint)"), nullable=False
        ),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fact_changes")),
    )
    op.create_index(op.f("ix_fact_changes_xid"), "fact_changes", ["xid"])
    op.create_index(op.f("ix_fact_changes_at"), "fact_changes", ["at"])
    _note_changes()
    op.add_column(
        "business_settings", sa.Column("public_page", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("business_settings", "public_page")
    for table in SUBJECTS:
        op.execute(f"DROP TRIGGER note_update ON {table}")
        op.execute(f"DROP TRIGGER note_delete ON {table}")
        op.execute(f"DROP FUNCTION note_{table} CASCADE")
    op.execute("DROP FUNCTION note_new_memberships CASCADE")
    op.drop_table("fact_changes")
