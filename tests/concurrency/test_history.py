"""What PostgreSQL itself refuses: to rewrite history, to mix tenants, to pay a slot or a commission twice."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from ofektom.errors import Problem
from ofektom.extensions import db
from tests.concurrency.race import rows, scalar
from tests.sheets import bring, row
from tests.telling import sms_on, tell_everybody

HISTORY = ("ledger_entries", "ledger_postings", "audit_events", "audit_seals")


@pytest.fixture(scope="module", autouse=True)
def history(cast):
    make_history(cast)
    cast.app.test_cli_runner().invoke(args=["seal-audit"])


def make_history(cast) -> None:
    """One of everything that refers to something else."""
    cast.ada.ok("PATCH", "/settings", {"agent_share": 6_000, "cooldown_hours": 0})
    cast.account = cast.open_account(cast.funke)
    cast.mark(cast.account, days=3)
    bank = {"bank_code": "033", "account_number": "1723185117", "account_name": "Funke Bello"}
    payee = cast.funke.ok("POST", "/payment-accounts", bank)["id"]
    wanted = {"account_id": cast.account["id"], "amount": 1, "method": "transfer", "payment_account_id": payee}
    request = cast.funke.ok("POST", "/payments", wanted)["id"]
    cast.ada.ok("POST", f"/payments/{request}/approve")
    cast.ada.ok("POST", f"/payments/{request}/pay-transfer", {"bank_reference": "FBN-1"})
    unit = cast.ada.ok("POST", "/units", {"name": "Balogun market"})
    cast.ada.ok("PATCH", f"/members/{cast.funke.id}", {"unit_id": unit["id"]})
    _spend(cast)
    bring(cast, row(cast.chidi))
    cast.ada.ok("POST", "/webhooks", {"url": "http://127.0.0.1:1/"})
    cast.funke.ok("PATCH", "/notifications/preferences", {"email": True})
    with sms_on(cast.app):
        tell_everybody(cast.app, cast.business_id)


def _spend(cast) -> None:
    cast.chidi.ok("POST", "/expenses", {"amount": 1, "category": "fuel", "note": "x"})
    income = {"amount": 1_000, "source": "x"}
    card = cast.funke.ok("POST", "/expense-cards", income | {"name": "x"})["id"]
    cast.funke.ok("POST", f"/expense-cards/{card}/items", {"name": "x", "category": "food", "amount": 500})


def refused(app, statement: str, **values) -> DBAPIError:
    """The error with which PostgreSQL refuses a statement; nothing is kept either way."""
    with app.app_context(), db.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text(statement), values)
    return caught.value


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET business_id = business_id", "UPDATE {} SET id = id + 1"],
)
def test_history_is_only_added_to(app, table, statement):
    assert scalar(app, f"SELECT count(*) FROM {table}") > 0
    error = refused(app, statement.format(table))
    assert "is append-only" in str(error.orig)
    assert error.orig.pgcode == "23001"


def test_no_column_of_history_can_be_changed(app):
    """Each column of each table on its own, so that no new one slips past the triggers."""
    query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY(:tables)"
    columns = rows(app, query, tables=list(HISTORY))
    assert len(columns) > 30
    for column in columns:
        table, name = column["table_name"], column["column_name"]
        assert "append-only" in str(refused(app, f"UPDATE {table} SET {name} = {name}").orig), (table, name)


def test_an_audit_row_is_sealed_once(app):
    sealed = "UPDATE audit_events SET seal_id = {} WHERE seal_id IS NOT NULL"
    for value in ("seal_id + 1", "NULL"):
        assert "append-only" in str(refused(app, sealed.format(value)).orig)
    with_more = "UPDATE audit_events SET seal_id = 1, action = 'nothing' WHERE seal_id IS NULL"
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(text("INSERT INTO audit_events (business_id, action, object_type) VALUES (0, 'x', 'x')"))
        with pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text(with_more))


FOREIGN_KEYS = """
    SELECT c.conname AS name, c.conrelid::regclass::text AS source, c.confrelid::regclass::text AS target,
        (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k (num, n)
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num) AS columns,
        (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY AS k (num, n)
         JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num) AS target_columns
    FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace ORDER BY 2, 1
"""
OF_TENANTS = (
    "SELECT table_name FROM information_schema.columns WHERE column_name = 'business_id' AND table_schema = 'public'"
)


def tenant_keys(app) -> list[dict]:
    """The foreign keys between two tables of tenants."""
    tenants = {row["table_name"] for row in rows(app, OF_TENANTS)}
    return [key for key in rows(app, FOREIGN_KEYS) if key["source"] in tenants and key["target"] in tenants]


def test_every_key_between_tables_of_tenants_holds_the_tenant(app):
    keys = tenant_keys(app)
    assert len(keys) > 20
    for key in keys:
        assert key["columns"][0] == key["target_columns"][0] == "business_id", key["name"]


STRIP = """
    DO $$ DECLARE doomed record; BEGIN
        FOR doomed IN SELECT conname AS name FROM pg_constraint c WHERE conrelid = CAST('{table}' AS regclass)
            AND (contype = 'c' OR contype = 'u' AND NOT EXISTS (
                SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid))
        LOOP EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', doomed.name); END LOOP;
        FOR doomed IN SELECT indexrelid AS id FROM pg_index WHERE indrelid = CAST('{table}' AS regclass) AND indisunique
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        LOOP EXECUTE format('DROP INDEX %s', CAST(doomed.id AS regclass)); END LOOP;
        ALTER TABLE {table} DISABLE TRIGGER USER;
    END $$
"""


def test_no_row_can_refer_to_another_tenants(app, cast, rivals):
    """Every such key, with all other constraints of its table gone: a copy and a change that name a row of theirs."""
    make_history(rivals)
    tried = 0
    for key in tenant_keys(app):
        own = scalar(app, f"SELECT max(ctid) FROM {key['source']} WHERE business_id = :b", b=cast.business_id)
        foreign = scalar(app, f"SELECT max(id) FROM {key['target']} WHERE business_id = :b", b=rivals.business_id)
        assert own, f"no row to try {key['name']} with"
        assert foreign, f"nothing of the rivals for {key['name']} to name"
        column = key["columns"][-1]
        change = f"UPDATE {key['source']} SET {column} = {foreign} WHERE ctid = '{own}'"
        for statement in (change, copy_with(app, key["source"], own, column, foreign)):
            with app.app_context(), db.engine.connect() as connection:
                connection.execute(text(STRIP.format(table=key["source"])))
                with pytest.raises(IntegrityError) as caught:
                    connection.execute(text(statement))
            assert caught.value.orig.pgcode == "23503", (key["name"], caught.value.orig)
            tried += 1
    assert tried > 50


def copy_with(app, table: str, place: str, column: str, value: int) -> str:
    """The INSERT that copies the row at a place with another `value` of one column."""
    query = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = :t AND column_name <> 'id'"
    names = [row["name"] for row in rows(app, query, t=table)]
    chosen = ", ".join(str(value) if name == column else name for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} WHERE ctid = '{place}'"


def test_a_slot_is_paid_once_by_the_database_itself(cast):
    again = "INSERT INTO markings (business_id, account_id, collection_id, slot_date, amount, cycle, status) "
    again += "SELECT business_id, account_id, collection_id, slot_date, amount, cycle, status FROM markings "
    error = refused(cast.app, f"{again} WHERE account_id = :id AND status = 'paid' LIMIT 1", id=cast.account["id"])
    assert Problem.by_constraint[error.orig.diag.constraint_name].code == "markings.slot_taken"


def test_commission_of_a_cycle_is_taken_once_by_the_database_itself(cast):
    columns = "business_id, account_id, cycle, agent_id, agent_amount, business_amount, status, entry_id, at"
    again = f"INSERT INTO commissions ({columns}) SELECT {columns} FROM commissions WHERE account_id = :id LIMIT 1"
    error = refused(cast.app, again, id=cast.account["id"])
    assert Problem.by_constraint[error.orig.diag.constraint_name].code == "commissions.already_earned"


def test_no_savings_account_can_go_below_zero(cast):
    """Every one has its floor, and the database keeps it."""
    query = "SELECT count(*) FROM ledger_accounts WHERE kind = 'savings' AND floor IS DISTINCT FROM 0"
    assert scalar(cast.app, query) == 0
    below = "UPDATE ledger_accounts SET balance = -1 WHERE kind = 'savings' AND owner_id = :id"
    error = refused(cast.app, below, id=cast.account["id"])
    assert Problem.by_constraint[error.orig.diag.constraint_name].code == "ledger.insufficient_funds"
    above = "UPDATE ledger_accounts SET balance = 1 WHERE kind = 'agent_cash' AND owner_id = :id"
    assert refused(cast.app, above, id=cast.chidi.id).orig.diag.constraint_name == "ck_ledger_accounts_bounds"
