"""the words of names and phone numbers in indexes, for the search; collections by day, for the reports

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A name as it is compared: without accents, in lower case, its words parted by one space. Told apart by code points,
# so that it is the same in every locale of a database.
FOLDED = """
    CREATE FUNCTION folded_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN btrim(lower(regexp_replace(regexp_replace(normalize(name, NFD), '[\\u0300-\\u036f]', '', 'g'),
        '[\\u0001-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u00bf\\u2000-\\u206f]+', ' ', 'g')))
"""
# The index has no column for the business (that would take an extension), so each word carries it.
WORDS = """
    CREATE FUNCTION name_words(business_id bigint, name text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(string_to_array(
        business_id || ':' || replace(folded_name(name), ' ', ' ' || business_id || ':'), ' '))
"""
SOUGHT = """
    CREATE FUNCTION name_sought(business_id bigint, name text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('''' || business_id || ':' || replace(folded_name(name), ' ', ''':* & ''' || business_id || ':')
        || ''':*')::tsquery
"""
COVERED = ["collector_id", "amount", "reversed_at"]
INDEXES = {
    "ix_memberships_name_words": ("memberships", [sa.text("name_words(business_id, full_name)")], {"using": "gin"}),
    "ix_memberships_business_id_phone": ("memberships", ["business_id", "phone"], {}),
    "ix_collections_of_day": ("collections", ["business_id", "collected_on", "id"], {"include": COVERED}),
}
REPLACED = "ix_collections_business_id_collected_on_id"
# See 0003: building concurrently waits for others and holds nobody up, so it may be patient.
PATIENCE = "60s"
INVALID = sa.text(
    "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid WHERE NOT indisvalid AND relname = ANY(:names)"
    " AND relnamespace = current_schema()::regnamespace"
)


def upgrade() -> None:
    for function in (FOLDED, WORDS, SOUGHT):
        op.execute(function.replace("CREATE", "CREATE OR REPLACE", 1))
    names = [*INDEXES, REPLACED]
    offline = context.is_offline_mode()
    invalid = set() if offline else set(op.get_bind().scalars(INVALID, {"names": names}))
    with op.get_context().autocommit_block():
        before = _be_patient()
        for name in invalid:
            op.drop_index(name, postgresql_concurrently=True)
        for name, (table, columns, options) in INDEXES.items():
            kind = {f"postgresql_{option}": value for option, value in options.items()}
            op.create_index(name, table, columns, if_not_exists=True, postgresql_concurrently=True, **kind)
        op.drop_index(REPLACED, if_exists=True, postgresql_concurrently=True)
        op.execute(f"SET lock_timeout = '{before}'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        before = _be_patient()
        columns = INDEXES["ix_collections_of_day"][1]
        op.create_index(REPLACED, "collections", columns, if_not_exists=True, postgresql_concurrently=True)
        for name in INDEXES:
            op.drop_index(name, if_exists=True, postgresql_concurrently=True)
        op.execute(f"SET lock_timeout = '{before}'")
    for function in ("name_sought(bigint, text)", "name_words(bigint, text)", "folded_name(text)"):
        op.execute(f"DROP FUNCTION {function}")


def _be_patient() -> str:
    before = "0" if context.is_offline_mode() else op.get_bind().scalar(sa.text("SHOW lock_timeout"))
    op.execute(f"SET lock_timeout = '{PATIENCE}'")
    return before
