"""What must hold of a business's ledger, as queries that find whatever does not."""

from sqlalchemy import func, select, text

from ofektom.extensions import db
from ofektom.ledger import LedgerAccount


def totals_by_kind(business_id: int) -> dict[str, int]:
    """The sum of balances of every kind of account of a business: its trial balance, which adds up to zero."""
    query = (
        select(LedgerAccount.kind, func.sum(LedgerAccount.balance))
        .where(LedgerAccount.business_id == business_id)
        .group_by(LedgerAccount.kind)
        .order_by(LedgerAccount.kind)
    )
    return {kind: int(total) for kind, total in db.session.execute(query)}


_DRIFTED = text(
    """
    WITH moved AS (
        SELECT business_id, account_id, sum(amount) AS amount FROM (
            SELECT business_id, destination_id AS account_id, amount FROM ledger_postings
            UNION ALL SELECT business_id, source_id, -amount FROM ledger_postings
        ) sides GROUP BY business_id, account_id
    )
    SELECT a.id, a.kind, a.owner_id, a.balance, coalesce(m.amount, 0) AS posted
    FROM ledger_accounts a LEFT JOIN moved m ON m.business_id = a.business_id AND m.account_id = a.id
    WHERE a.business_id = :business_id AND a.balance <> coalesce(m.amount, 0)
    ORDER BY a.id
    """
)


def drifted_accounts(business_id: int) -> list[dict]:
    """Accounts whose stored balance is not the sum of their postings. There should be none."""
    return [dict(row) for row in db.session.execute(_DRIFTED, {"business_id": business_id}).mappings()]


_MISSTATED = text(
    """
    SELECT id FROM (
        SELECT id, balance, sum(amount) OVER (PARTITION BY account_id ORDER BY id) AS total FROM (
            SELECT id, destination_id AS account_id, amount, destination_balance AS balance
            FROM ledger_postings WHERE business_id = :business_id
            UNION ALL SELECT id, source_id, -amount, source_balance
            FROM ledger_postings WHERE business_id = :business_id
        ) sides
    ) running WHERE balance <> total ORDER BY id
    """
)


def misstated_postings(business_id: int) -> list[int]:
    """Postings whose balances are not the sum of the account's postings up to them. There should be none."""
    return list(db.session.scalars(_MISSTATED, {"business_id": business_id}))


_UNFAITHFUL = text(
    """
    SELECT r.id FROM ledger_entries r
    WHERE r.business_id = :business_id AND r.reverses_id IS NOT NULL AND EXISTS (
        SELECT account_id FROM (
            SELECT source_id AS account_id, -amount AS amount FROM ledger_postings
            WHERE business_id = r.business_id AND entry_id IN (r.id, r.reverses_id)
            UNION ALL
            SELECT destination_id, amount FROM ledger_postings
            WHERE business_id = r.business_id AND entry_id IN (r.id, r.reverses_id)
        ) sides GROUP BY account_id HAVING sum(amount) <> 0
    )
    ORDER BY r.id
    """
)


def unfaithful_reversals(business_id: int) -> list[int]:
    """Reversals that do not undo exactly what they point at. There should be none."""
    return list(db.session.scalars(_UNFAITHFUL, {"business_id": business_id}))
