"""Very many ledger accounts that begin with money on them, by a few statements however many they are."""

from sqlalchemy import text

from ofektom.extensions import db
from ofektom.ledger import Account, Act

_LOCK = text(
    "SELECT id, balance FROM ledger_accounts WHERE business_id = :business_id AND kind = :kind AND owner_id = :owner_id"
    " FOR NO KEY UPDATE"
)
# What is to be written, with its ids: no statement then has to look for what the one before has written, which would be
# planned by statistics that know nothing of it.
_PREPARE = """
    CREATE TEMPORARY TABLE opening_accounts ON COMMIT DROP AS
    SELECT o.owner_id, o.amount, nextval(pg_get_serial_sequence('ledger_accounts', 'id')) AS account_id,
        CASE WHEN o.amount > 0 THEN nextval(pg_get_serial_sequence('ledger_entries', 'id')) END AS entry_id,
        CAST(:balance - sum(o.amount) OVER (ORDER BY o.owner_id ROWS UNBOUNDED PRECEDING) AS bigint) AS source_balance
    FROM ({owners}) o ORDER BY o.owner_id
"""
_OPEN = text(
    """
    INSERT INTO ledger_accounts (business_id, id, kind, owner_id, balance, floor)
    SELECT :business_id, account_id, :opened_kind, owner_id, amount, CAST(:floor AS bigint) FROM opening_accounts
    ORDER BY owner_id
    """
)
_ENTER = text(
    """
    INSERT INTO ledger_entries (business_id, id, kind, reference, membership_id, business_day, at)
    SELECT :business_id, entry_id, :entry_kind, CAST(:prefix AS text) || owner_id, CAST(:membership_id AS bigint),
        CAST(:business_day AS date), CAST(:at AS timestamptz)
    FROM opening_accounts WHERE amount > 0 ORDER BY owner_id
    """
)
# Posting ids are given in the order in which the source's balance runs down.
_POST = text(
    """
    INSERT INTO ledger_postings
        (business_id, entry_id, source_id, destination_id, amount, source_balance, destination_balance)
    SELECT :business_id, entry_id, :source_id, account_id, amount, source_balance, amount
    FROM opening_accounts WHERE amount > 0 ORDER BY owner_id
    """
)
_TOTAL = text("SELECT CAST(coalesce(sum(amount), 0) AS bigint) FROM opening_accounts")
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
    }
    db.session.execute(text(_PREPARE.format(owners=owners)), {"balance": held.balance})
    for statement in (_OPEN, _ENTER, _POST):
        db.session.execute(statement, values)
    total = db.session.scalar(_TOTAL)
    db.session.execute(_DRAW, {"business_id": act.business_id, "source_id": held.id, "total": total})
    return total
