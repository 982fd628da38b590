"""The invariants of the money, as queries that find whatever breaks one."""

from collections.abc import Callable, Iterator
from datetime import date

from sqlalchemy import select, text

from blueprints.reports.rules import four_pots
from blueprints.savings.queries import card
from blueprints.settings.rules import AccountKind
from ofektom import audit, ledger, periods, proofs
from ofektom.extensions import db
from ofektom.identity import Actor, Business

_INVARIANTS = {
    "a savings account's balance is what it came with, its markings and credit less commission, payouts and holds": """
        SELECT s.id FROM savings_accounts s
        JOIN ledger_accounts a ON a.business_id = s.business_id AND a.kind = 'savings' AND a.owner_id = s.id
        WHERE s.business_id = :business_id AND a.balance <> s.opening_balance + s.credit
            + (SELECT coalesce(sum(m.amount), 0) FROM markings m
               WHERE m.business_id = s.business_id AND m.account_id = s.id AND m.status = 'paid'
                 AND m.collection_id IS NOT NULL)
            - (SELECT coalesce(sum(c.agent_amount + c.business_amount), 0) FROM commissions c
               WHERE c.business_id = s.business_id AND c.account_id = s.id AND c.status = 'earned')
            - (SELECT coalesce(sum(p.amount - p.from_credit), 0) FROM payment_requests p
               WHERE p.business_id = s.business_id AND p.account_id = s.id
                 AND p.status IN ('requested', 'approved', 'paid'))
    """,
    "the payout hold is the sum of the requests waiting": """
        SELECT a.id FROM ledger_accounts a WHERE a.business_id = :business_id AND a.kind = 'payout_hold'
        AND a.balance <> (SELECT coalesce(sum(p.amount), 0) FROM payment_requests p
                          WHERE p.business_id = a.business_id AND p.status IN ('requested', 'approved'))
    """,
    "no commission for a cycle that is not started": """
        SELECT c.id FROM commissions c WHERE c.business_id = :business_id AND c.status = 'earned' AND NOT EXISTS (
            SELECT FROM markings m WHERE m.business_id = c.business_id AND m.account_id = c.account_id
              AND m.cycle = c.cycle AND m.status = 'paid')
    """,
    "commission of every started cycle, where it is earned at the first mark": """
        SELECT DISTINCT m.account_id AS id FROM markings m
        JOIN savings_accounts s ON s.business_id = m.business_id AND s.id = m.account_id
        WHERE m.business_id = :business_id AND m.status = 'paid' AND s.commission_earned = 'first_mark'
        AND m.cycle >= s.commission_from AND NOT EXISTS (SELECT FROM commissions c WHERE c.business_id = m.business_id
              AND c.account_id = m.account_id AND c.cycle = m.cycle AND c.status = 'earned')
    """,
    "no commission exceeds what was paid in its cycle": """
        SELECT c.id FROM commissions c WHERE c.business_id = :business_id AND c.status = 'earned'
        AND c.agent_amount + c.business_amount > (SELECT coalesce(sum(m.amount), 0) FROM markings m
              WHERE m.business_id = c.business_id AND m.account_id = c.account_id AND m.cycle = c.cycle
                AND m.status = 'paid')
    """,
    "the money behind an account's credit is there": """
        SELECT s.id FROM savings_accounts s
        JOIN ledger_accounts a ON a.business_id = s.business_id AND a.kind = 'savings' AND a.owner_id = s.id
        WHERE s.business_id = :business_id AND s.credit > a.balance
    """,
    "what an account came with was posted to it once, and nothing to others": """
        SELECT s.id FROM savings_accounts s WHERE s.business_id = :business_id AND s.opening_balance <> (
            SELECT coalesce(sum(p.amount), 0) FROM ledger_entries e
            JOIN ledger_postings p ON p.business_id = e.business_id AND p.entry_id = e.id
            JOIN ledger_accounts d ON d.business_id = p.business_id AND d.id = p.destination_id
            WHERE e.business_id = s.business_id AND e.reference = 'opening:' || s.id
              AND e.kind = 'import.opening_balance' AND d.kind = 'savings' AND d.owner_id = s.id)
    """,
    "a paid request has one entry that pays it": """
        SELECT p.id FROM payment_requests p WHERE p.business_id = :business_id AND p.status = 'paid' AND 1 <> (
            SELECT count(*) FROM ledger_entries e WHERE e.business_id = p.business_id AND e.kind = 'payment.paid'
            AND e.reference IN ('payment.paid:' || p.id, 'transfer:' || p.bank_reference))
    """,
    "enough people approved every request approved or paid": """
        SELECT p.id FROM payment_requests p WHERE p.business_id = :business_id AND p.status IN ('approved', 'paid')
        AND p.approvals_needed > (SELECT count(*) FROM payment_approvals a
              WHERE a.business_id = p.business_id AND a.request_id = p.id AND a.approver_id <> p.requested_by_id)
    """,
    "the markings of a collection add up to its cash and credit": """
        SELECT k.id FROM collections k WHERE k.business_id = :business_id
        AND k.amount - k.credit_change <> (SELECT coalesce(sum(m.amount), 0) FROM markings m
              WHERE m.business_id = k.business_id AND m.collection_id = k.id)
    """,
    "a collection is taken back exactly when its markings are": """
        SELECT DISTINCT k.id FROM collections k
        JOIN markings m ON m.business_id = k.business_id AND m.collection_id = k.id
        WHERE k.business_id = :business_id AND (k.reversed_at IS NULL) = (m.status = 'reversed')
    """,
    "the cash of a collection taken back has been reversed, and of no other": """
        SELECT k.id FROM collections k WHERE k.business_id = :business_id AND k.entry_id IS NOT NULL
        AND (k.reversed_at IS NULL) = EXISTS (
            SELECT FROM ledger_entries e WHERE e.business_id = k.business_id AND e.reverses_id = k.entry_id)
    """,
    "the cash of a collection was taken by its collector, onto its account": """
        SELECT k.id FROM collections k WHERE k.business_id = :business_id AND k.entry_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM ledger_postings p
            JOIN ledger_accounts s ON s.business_id = p.business_id AND s.id = p.source_id
            JOIN ledger_accounts d ON d.business_id = p.business_id AND d.id = p.destination_id
            WHERE p.business_id = k.business_id AND p.entry_id = k.entry_id AND p.amount = k.amount
              AND s.kind = 'agent_cash' AND s.owner_id = k.collector_id
              AND d.kind = 'savings' AND d.owner_id = k.account_id)
    """,
    "a collector's receipts are numbered from 1 on without a gap, and the counter knows the last": """
        SELECT coalesce(n.collector_id, c.collector_id) AS id FROM (
            SELECT collector_id, count(*) AS given, min(number) AS first, max(number) AS last FROM collections
            WHERE business_id = :business_id GROUP BY collector_id
        ) n FULL JOIN (SELECT * FROM receipt_counters WHERE business_id = :business_id) c USING (collector_id)
        WHERE (n.first, n.last, c.issued) IS DISTINCT FROM (1, n.given, n.given)
    """,
    "a commission's parts went to its collector and to the business": """
        SELECT c.id FROM commissions c WHERE c.business_id = :business_id
        AND (c.agent_amount, c.business_amount) <> (
            SELECT coalesce(sum(p.amount) FILTER (WHERE d.kind = 'commission_payable' AND d.owner_id = c.agent_id), 0),
                   coalesce(sum(p.amount) FILTER (WHERE d.kind = 'business_income'), 0)
            FROM ledger_postings p
            JOIN ledger_accounts d ON d.business_id = p.business_id AND d.id = p.destination_id
            WHERE p.business_id = c.business_id AND p.entry_id = c.entry_id)
    """,
    "a commission clawed back has been reversed, and no other": """
        SELECT c.id FROM commissions c WHERE c.business_id = :business_id
        AND (c.status = 'clawed_back') <> EXISTS (
            SELECT FROM ledger_entries e WHERE e.business_id = c.business_id AND e.reverses_id = c.entry_id)
    """,
    "an account's state says what has happened on it": """
        SELECT s.id FROM savings_accounts s
        JOIN ledger_accounts a ON a.business_id = s.business_id AND a.kind = 'savings' AND a.owner_id = s.id
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM markings m WHERE m.business_id = s.business_id
                            AND m.account_id = s.id AND m.status = 'paid') paid
        WHERE s.business_id = :business_id AND (
            (s.state = 'paid_out' AND a.balance <> 0) OR (s.state = 'not_started' AND paid.n > 0)
            OR (s.ended_on IS NOT NULL AND s.state NOT IN ('completed', 'paid_out')))
    """,
    "an expense has moved its amount out of its pot": """
        SELECT x.id FROM expenses x WHERE x.business_id = :business_id AND x.entry_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM ledger_postings p
            JOIN ledger_accounts s ON s.business_id = p.business_id AND s.id = p.source_id
            JOIN ledger_accounts d ON d.business_id = p.business_id AND d.id = p.destination_id
            WHERE p.business_id = x.business_id AND p.entry_id = x.entry_id AND p.amount = x.amount
              AND s.kind = 'expenses' AND d.kind = x.paid_from
              AND d.owner_id = CASE x.paid_from WHEN 'agent_cash' THEN x.spender_id ELSE 0 END)
    """,
    "an expense taken back has been reversed, and no other": """
        SELECT x.id FROM expenses x WHERE x.business_id = :business_id AND x.entry_id IS NOT NULL
        AND (x.status = 'reversed') <> EXISTS (
            SELECT FROM ledger_entries e WHERE e.business_id = x.business_id AND e.reverses_id = x.entry_id)
    """,
    "the expenses account is the sum of the expenses": """
        SELECT a.id FROM ledger_accounts a WHERE a.business_id = :business_id AND a.kind = 'expenses'
        AND a.balance <> (SELECT coalesce(-sum(x.amount), 0) FROM expenses x
                          WHERE x.business_id = a.business_id AND x.status = 'posted')
    """,
    "an expense card's sums are those of its incomes and items": """
        SELECT c.id FROM expense_cards c WHERE c.business_id = :business_id AND (c.income, c.spent) <> (
            (SELECT coalesce(sum(i.amount), 0) FROM expense_card_incomes i
             WHERE i.business_id = c.business_id AND i.card_id = c.id),
            (SELECT coalesce(sum(i.spent_amount), 0) FROM expense_items i
             WHERE i.business_id = c.business_id AND i.card_id = c.id))
    """,
    "savings and holds cannot go below zero, nor a bag above": """
        SELECT a.id FROM ledger_accounts a WHERE a.business_id = :business_id AND (
            (a.kind IN ('savings', 'payout_hold') AND a.floor IS DISTINCT FROM 0)
            OR (a.kind = 'agent_cash' AND a.ceiling IS DISTINCT FROM 0))
    """,
    "an entry is booked on the day on which it was made": """
        SELECT e.id FROM ledger_entries e JOIN businesses b ON b.id = e.business_id
        WHERE e.business_id = :business_id AND e.business_day <> (e.at AT TIME ZONE b.timezone)::date
    """,
    "no entry without a movement": """
        SELECT e.id FROM ledger_entries e WHERE e.business_id = :business_id AND NOT EXISTS (
            SELECT FROM ledger_postings p WHERE p.business_id = e.business_id AND p.entry_id = e.id)
    """,
}


def business_ids() -> list[int]:
    """Every business."""
    return list(db.session.scalars(select(Business.id).order_by(Business.id)))


_PROOFS: dict[str, Callable[[int], list]] = {
    "a stored balance is the sum of its postings": proofs.drifted_accounts,
    "a posting carries the balances it led to": proofs.misstated_postings,
    "a reversal undoes exactly what it points at": proofs.unfaithful_reversals,
    "the audit chain is whole": audit.broken_seals,
    "all balances add up to zero": lambda business_id: _unless_zero(sum(proofs.totals_by_kind(business_id).values())),
    "the four pots cover what customers are owed": lambda business_id: _unless_zero(
        four_pots(proofs.totals_by_kind(business_id))["difference"]
    ),
}
CHECKS = len(_INVARIANTS) + len(_PROOFS)


def _unless_zero(number: int) -> list[int]:
    return [number] if number else []


def checked(business_id: int) -> Iterator[tuple[str, list]]:
    """Every sentence that should hold of a business, CHECKS of them, with the ids of the rows that break it."""
    for sentence, query in _INVARIANTS.items():
        yield sentence, list(db.session.scalars(text(query), {"business_id": business_id}))
    for sentence, find in _PROOFS.items():
        yield sentence, find(business_id)


def broken_invariants(business_id: int) -> dict[str, list]:
    """What does not hold in a business, by the sentence that should, with the ids of the rows at fault."""
    return {sentence: rows for sentence, rows in checked(business_id) if rows}


def savings_statement(
    actor: Actor, account_id: int, *, first: date | None, last: date | None, limit: int, cursor: str | None
) -> dict:
    """A page of the ledger's movements of a savings account in the actor's sight, newest first; raises NotFound.

    Of the days from `first` to `last`, with what was on the account before and after them.
    """
    found = card(actor, account_id)
    account, period = ledger.Account(AccountKind.SAVINGS, account_id), ledger.period(first, last)
    totals = periods.totals(actor.business_id, account, period)
    page = ledger.statement(
        actor.business_id, account, limit=limit, cursor=cursor, period=period, up_to=totals["up_to"]
    )
    named = {"account_id": account_id, "tracking_number": found.row["tracking_number"], "from": first, "to": last}
    return page | totals | named | {"balance": found.balance, "available": found.available()}
