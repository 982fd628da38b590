"""What a ledger account held before and after some business days, and what came in and went out meanwhile."""

from ofektom.ledger import Account, Period
from ofektom.plain import Statement

_TOTALS = Statement(
    """
    WITH own AS MATERIALIZED (
        SELECT id FROM ledger_accounts
        WHERE business_id = %(business_id)s AND kind = %(kind)s AND owner_id = %(owner_id)s
    ), sides AS (
        SELECT p.id, p.entry_id, p.amount FROM own JOIN ledger_postings p ON p.destination_id = own.id
        WHERE p.business_id = %(business_id)s
        UNION ALL
        SELECT p.id, p.entry_id, -p.amount FROM own JOIN ledger_postings p ON p.source_id = own.id
        WHERE p.business_id = %(business_id)s
    )
    SELECT coalesce(sum(s.amount) FILTER (WHERE e.business_day < %(first)s), 0)::bigint AS opening_balance,
        coalesce(sum(s.amount) FILTER (WHERE e.business_day >= %(first)s AND s.amount > 0), 0)::bigint AS total_in,
        coalesce(-sum(s.amount) FILTER (WHERE e.business_day >= %(first)s AND s.amount < 0), 0)::bigint AS total_out,
        count(*) FILTER (WHERE e.business_day >= %(first)s) AS lines, coalesce(max(s.id), 0) AS up_to
    FROM sides s JOIN ledger_entries e ON e.business_id = %(business_id)s AND e.id = s.entry_id
    WHERE e.business_day <= %(last)s
    """
)


def totals(business_id: int, account: Account, period: Period) -> dict:
    """What an account held before a period and after it, what came in and went out meanwhile, and in how many `lines`.

    Amounts in minor units: opening_balance + total_in - total_out = closing_balance. They are sums of movements, for at
    midnight one of yesterday may be written after one of today. An account's movements are written one after the
    other, so those up to the id `up_to` are all that these sums know of.
    """
    names = {"business_id": business_id, "kind": str(account.kind), "owner_id": account.owner_id}
    [found] = _TOTALS.run(names | period._asdict())
    return found | {"closing_balance": found["opening_balance"] + found["total_in"] - found["total_out"]}
