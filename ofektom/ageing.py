"""How long what somebody holds has been with them, first in, first out."""

from sqlalchemy import DateTime, FromClause, column, text

# Newest first, until what came in makes up what is there: only that part of a long history is read, and so the entries
# are looked up one by one, or the planner joins them all before it counts. An entry that was taken back, and what took
# it back, are as if they had never been; else taking something in and giving it back at once would make what is old
# look new.
_OLDEST = """
    SELECT arrived.at FROM (
        SELECT p.id, p.at, sum(p.amount) OVER (ORDER BY p.id DESC ROWS UNBOUNDED PRECEDING) AS total
        FROM (
            SELECT p.id, p.amount, (
                SELECT e.at FROM ledger_entries e
                WHERE e.business_id = p.business_id AND e.id = p.entry_id AND e.reverses_id IS NULL AND NOT EXISTS (
                    SELECT FROM ledger_entries r WHERE r.business_id = e.business_id AND r.reverses_id = e.id)
            ) AS at FROM ledger_postings p
            WHERE p.business_id = ledger_accounts.business_id AND p.source_id = ledger_accounts.id
            ORDER BY p.id DESC OFFSET 0
        ) p WHERE p.at IS NOT NULL
    ) arrived WHERE arrived.total >= -ledger_accounts.balance ORDER BY arrived.id DESC LIMIT 1
"""


def oldest_held() -> FromClause:
    """When the oldest unit of money that the `ledger_accounts` row beside it still holds came in, as `at`.

    For accounts that hold (their balance is negative), to be joined laterally.
    """
    return text(_OLDEST).columns(column("at", DateTime(timezone=True))).lateral("oldest")
