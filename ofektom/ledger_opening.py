"""Very many ledger accounts that begin with money on them, by a few statements however many they are."""

from sqlalchemy import text

from ofektom.extensions import db
from ofektom.ledger import Account, Act

_LOCK = text(
    "SELECT id, balance FROM ledger_accounts WHERE business_id = :business_id AND kind = :kind AND owner_id = :owner_id"
    " FOR NO KEY UPDATE"
)
_OPEN = """
    INSERT INTO ledger_accounts (business_id, kind, owner_id, balance, floor)
    SELECT :business_id, :opened_kind, o.owner_id, o.amount, CAST(:floor AS bigint) FROM ({owners}) o
    ORDER BY o.owner_id
"""
_ENTER = """
    INSERT INTO ledger_entries (business_id, kind, reference, membership_id, business_day, at)
    SELECT :business_id, :entry_kind, CAST(:prefix AS text) || o.owner_id, CAST(:membership_id AS bigint),
        CAST(:business_day AS date), CAST(:at AS timestamptz)
    FROM ({owners}) o WHERE o.amount > 0 ORDER BY o.owner_id
"""
# Posting ids are given in the order in which the source's balance runs down.
_POST = """
    INSERT INTO ledger_postings
        (business_id, entry_id, source_id, destination_id, amount, source_balance, destination_balance)
    SELECT :business_id, e.id, :source_id, a.id, o.amount,
        :balance - sum(o.amount) OVER (ORDER BY o.owner_id ROWS UNBOUNDED PRECEDING), o.amount
    FROM ({owners}) o
    JOIN ledger_entries e ON e.business_id = :business_id AND e.reference = CAST(:prefix AS text) || o.owner_id
    JOIN ledger_accounts a ON a.business_id = :business_id AND a.kind = :opened_kind AND a.owner_id = o.owner_id
    WHERE o.amount > 0 ORDER BY o.owner_id
"""
_DRAW = text(
    "UPDATE ledger_accounts SET balance = balance - :total WHERE business_id = :business_id AND id = :source_id"
)


def open_with_money(
    act: Act, source: Account, *, opened_kind: str, floor: int | None, owners: str, entry_kind: str, prefix: str
) -> int:
    """Open an account of `opened_kind` for every row of the query `owners` (owner_id, amount), with `amount` from
    `source`; returns the sum of the amounts, in minor units.

    Each has an entry of its own, by the reference of `prefix` and the owner's id. Run it within a verb: the new
    accounts are nobody's yet, so `source` is all that it locks; `ledger.post` may follow. `owners` is trusted SQL.
    Raises (by the constraints) Conflict for an account that exists, DuplicateReference, AmountTooLarge.
    """
    names = {"business_id": act.business_id, "kind": str(source.kind), "owner_id": source.owner_id}
    held = db.session.execute(_LOCK, names).one()
    values = {
        "business_id": act.business_id,
        "opened_kind": str(opened_kind),
        "floor": floor,
        "entry_kind": entry_kind,
        "prefix": prefix,
        "membership_id": act.membership_id,
        "business_day": act.business_day,
        "at": act.at,
        "source_id": held.id,
        "balance": held.balance,
    }
    for statement in (_OPEN, _ENTER, _POST):
        db.session.execute(text(statement.format(owners=owners)), values)
    total = int(db.session.scalar(text(f"SELECT coalesce(sum(o.amount), 0) FROM ({owners}) o")))
    db.session.execute(_DRAW, {"business_id": act.business_id, "source_id": held.id, "total": total})
    return total
