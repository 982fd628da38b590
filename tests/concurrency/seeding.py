"""Accounts by the hundred, copied inside the database from one that was made the ordinary way."""

from flask import Flask
from sqlalchemy import text

from ofektom.errors import Problem
from ofektom.extensions import db
from tests.cast import Cast, Person

DAY = 50_000

_COPY = text(
    """
    WITH numbers AS (SELECT generate_series(1, :copies) AS n),
    made AS (
        INSERT INTO savings_accounts (business_id, customer_id, tracking_number, kind, state, credit, start, cycle_kind,
            cycle_days, commission_kind, commission_value, commission_earned, agent_share, created_at)
        SELECT business_id, customer_id, lpad((n + :id * 1000)::text, 10, '9'), kind, state, credit, start, cycle_kind,
            cycle_days, commission_kind, commission_value, commission_earned, agent_share, created_at
        FROM savings_accounts, numbers WHERE business_id = :b AND id = :id
        RETURNING business_id, id, start, created_at
    ), terms AS (
        INSERT INTO savings_terms (business_id, account_id, effective_from, contribution, weekdays, cycles, created_at)
        SELECT made.business_id, made.id, effective_from, contribution, weekdays, cycles, made.created_at
        FROM made, savings_terms t WHERE t.business_id = :b AND t.account_id = :id
    ), purses AS (
        INSERT INTO ledger_accounts (business_id, kind, owner_id, balance, floor)
        SELECT business_id, 'savings', id, :amount, 0 FROM made RETURNING id, owner_id
    ), bag AS (
        UPDATE ledger_accounts SET balance = balance - :amount * :copies
        WHERE business_id = :b AND kind = 'agent_cash' AND owner_id = :agent RETURNING id, balance
    ), entries AS (
        INSERT INTO ledger_entries (business_id, kind, reference, membership_id, business_day, at)
        SELECT business_id, 'marking.cash', 'copy:' || id, :agent, start, created_at FROM made RETURNING id, reference
    ), moved AS (
        INSERT INTO ledger_postings
            (business_id, entry_id, source_id, destination_id, amount, source_balance, destination_balance)
        SELECT :b, entries.id, bag.id, purses.id, :amount,
            bag.balance + :amount * (:copies - row_number() OVER (ORDER BY entries.id)), :amount
        FROM bag, entries JOIN purses ON entries.reference = 'copy:' || purses.owner_id
        ORDER BY entries.id
    ), taken AS (
        INSERT INTO collections
            (business_id, account_id, collector_id, method, amount, credit_change, collected_on, entry_id, at)
        SELECT :b, made.id, :agent, 'cash', :amount, :amount, made.start, entries.id, made.created_at
        FROM made JOIN entries ON entries.reference = 'copy:' || made.id
    )
    SELECT id FROM made ORDER BY id
    """
)


def fill_accounts(cast: Cast, customer: Person, how_many: int) -> list[int]:
    """Accounts of a customer of chidi's, each with the cash of one day that is not enough for its first slot."""
    first = cast.open_account(customer, contribution=2 * DAY, cycle_days=1)
    cast.mark(first, amount=DAY)
    values = {"b": cast.business_id, "id": first["id"], "agent": cast.chidi.id, "amount": DAY}
    with cast.app.app_context(), db.engine.begin() as connection:
        copies = connection.execute(_COPY, values | {"copies": how_many - 1}).scalars().all()
    return [first["id"], *copies]


def outcome(app: Flask, act, **arguments) -> str:
    """Do `act` in an application context of its own; "done", or the code of the Problem it ends in."""
    with app.app_context():
        try:
            act(**arguments)
        except Problem as problem:
            return problem.code
    return "done"
