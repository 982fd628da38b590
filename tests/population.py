"""A populated database: businesses with years behind them, written by INSERT ... SELECT in seconds.

Everything adds up (`flask verify` says so), for the ids are reckoned and the balances are running sums of the postings.
Businesses grow side by side: row `n` of business `b` has the id `n * businesses + b`, as if they took turns.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from tests.population_sql import EXPENSES, NEWS, PEOPLE, RECORDS, SAVINGS, SIGN_INS, TURNOVER

TABLES = (
    "businesses",
    "business_settings",
    "holidays",
    "units",
    "users",
    "memberships",
    "ledger_accounts",
    "savings_accounts",
    "savings_terms",
    "ledger_entries",
    "ledger_postings",
    "collections",
    "receipt_counters",
    "markings",
    "commissions",
    "payment_accounts",
    "payment_requests",
    "payment_approvals",
    "expenses",
    "expense_cards",
    "expense_card_incomes",
    "expense_items",
    "audit_events",
    "audit_seals",
    "sessions",
    "refresh_tokens",
    "idempotency_keys",
    "guess_budgets",
    "fact_changes",
    "outbox",
    "messages",
    "deliveries",
    "sms_reports",
    "notification_wishes",
    "webhooks",
    "imports",
)
WITHOUT_ID = {"business_settings", "receipt_counters", "holidays", "idempotency_keys", "guess_budgets", "sms_reports"}

_INDEXES = text(
    "SELECT indexname, indexdef FROM pg_indexes LEFT JOIN pg_constraint ON conname = indexname"
    " WHERE schemaname = 'public' AND conname IS NULL AND tablename = ANY(:tables)"
)


@dataclass(frozen=True)
class Size:
    """How much there is. `accounts` savings accounts over all businesses, each begun one with `days` markings.

    Of the accounts of a business 40 % are closed, 50 % in progress and 10 % not begun, oldest first; four customers
    have five accounts, every fourth keeps two expense cards; an agent or sub-agent has about 40 customers, and eight
    expenses a day.
    """

    businesses: int = 4
    accounts: int = 2_000
    days: int = 30

    @property
    def each(self) -> int:
        """Savings accounts of one business."""
        return self.accounts // self.businesses

    @property
    def agents(self) -> int:
        """Agents of one business; every second has a sub-agent."""
        return max(2, self.customers // 60)

    @property
    def customers(self) -> int:
        return self.each * 4 // 5

    @property
    def staff(self) -> int:
        """The admin, then the agents, then the sub-agents."""
        return 1 + self.agents + self.agents // 2

    def member_id(self, number: int, business: int = 1) -> int:
        """The id of member `number` of a business: 0 the admin, then agents, sub-agents and customers."""
        return number * self.businesses + business

    account_id = member_id


def populate(
    connection: Connection, size: Size, *, secret_hash: str = "!", trusting: bool = True, sealed: bool = False
) -> None:
    """Fill an empty, migrated database and analyze it. `secret_hash` is everybody's PIN; "!" is nobody's.

    `trusting` skips foreign keys and triggers, which takes a superuser: rows that are checked take longer. `sealed`
    gives old audit rows seals without a digest, which serves plans and not proofs; `flask seal-audit` makes real ones.
    """
    values = asdict(size) | {"each": size.each, "agents": size.agents, "customers": size.customers}
    values |= {"staff": size.staff, "secret_hash": secret_hash, "sealed": sealed}
    connection.execute(text("SET LOCAL timezone = 'UTC'"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL work_mem = '256MB'"))
    if trusting:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    indexes = connection.execute(_INDEXES, {"tables": list(TABLES)}).all()
    for index in indexes:
        connection.execute(text(f'DROP INDEX "{index.indexname}"'))
    for statement in (*PEOPLE, *SAVINGS, *TURNOVER, *RECORDS, *EXPENSES, *SIGN_INS, *NEWS):
        connection.execute(text(statement), values)
    for index in indexes:
        connection.execute(text(index.indexdef))
    _go_on_counting(connection)
    connection.execute(text(f"ANALYZE {', '.join(TABLES)}"))


def _go_on_counting(connection: Connection) -> None:
    """Let the next row that the service writes come after ours."""
    for table in TABLES:
        if table not in WITHOUT_ID:
            last = f"(SELECT coalesce(max(id), 0) + 1 FROM {table})"
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last}, false)"))
