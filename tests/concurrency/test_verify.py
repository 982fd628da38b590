"""`flask verify` finds whatever is wrong with the money, and says which rows."""

import pytest
from sqlalchemy import text

from blueprints.reports.queries import broken_invariants
from ofektom.extensions import db
from tests.concurrency.race import assert_adds_up, scalar
from tests.sheets import bring, row

BALANCE = "a savings account's balance is what it came with, its markings and credit less commission, payouts and holds"
DRIFT = "a stored balance is the sum of its postings"
HOLD = "the payout hold is the sum of the requests waiting"
UNSTARTED = "no commission for a cycle that is not started"
OPENED = "what an account came with was posted to it once, and nothing to others"
MISSING = "commission of every started cycle, where it is earned at the first mark"
PAID = "a paid request has one entry that pays it"
APPROVED = "enough people approved every request approved or paid"
COLLECTION = "the markings of a collection add up to its cash and credit"
EMPTY = "no entry without a movement"
REVERSAL = "a reversal undoes exactly what it points at"
ZERO = "all balances add up to zero"

TAKEN_BACK = "a collection is taken back exactly when its markings are"
CASH_BACK = "the cash of a collection taken back has been reversed, and of no other"
COLLECTOR = "the cash of a collection was taken by its collector, onto its account"
PARTS = "a commission's parts went to its collector and to the business"
STATE = "an account's state says what has happened on it"
BOUNDS = "savings and holds cannot go below zero, nor a bag above"
DAY = "an entry is booked on the day on which it was made"
NUMBERED = "a collector's receipts are numbered from 1 on without a gap, and the counter knows the last"
SPENT = "an expense has moved its amount out of its pot"
SPENT_BACK = "an expense taken back has been reversed, and no other"
OUTLAYS = "the expenses account is the sum of the expenses"
BUDGET = "an expense card's sums are those of its incomes and items"
RUNNING = "a posting carries the balances it led to"

# What a master of the database does, and the sentences that are then not true.
CORRUPTION = {
    "a collection is called taken back": (
        "UPDATE collections SET reversed_at = at, reversal_reason = 'x' WHERE {mine} AND id = {collection}",
        {TAKEN_BACK, CASH_BACK},
    ),
    "a reversal forgets what it reverses": (
        "UPDATE ledger_entries SET reverses_id = NULL WHERE {mine} AND id = {reversal}",
        {CASH_BACK},
    ),
    "a collection is put on another collector": (
        "UPDATE collections SET collector_id = (SELECT max(id) FROM memberships WHERE {mine}) "
        "WHERE {mine} AND id = {collection}",
        {COLLECTOR, NUMBERED},
    ),
    "a receipt is given another number": (
        "UPDATE collections SET number = number + 100 WHERE {mine} AND id = {collection}",
        {NUMBERED},
    ),
    "a counter of receipts forgets one": (
        "UPDATE receipt_counters SET issued = issued - 1 WHERE {mine} AND collector_id = "
        "(SELECT collector_id FROM collections WHERE {mine} AND id = {collection})",
        {NUMBERED},
    ),
    "a commission is put on another collector": (
        "UPDATE commissions SET agent_id = (SELECT max(id) FROM memberships WHERE {mine}) WHERE {mine}",
        {PARTS},
    ),
    "a commission is split otherwise": (
        "UPDATE commissions SET agent_amount = agent_amount - 1, business_amount = business_amount + 1 WHERE {mine}",
        {PARTS},
    ),
    "an account with money is called paid out": (
        "UPDATE savings_accounts SET state = 'paid_out' WHERE {mine} AND id = {account}",
        {STATE},
    ),
    "a savings account loses its floor": (
        "UPDATE ledger_accounts SET floor = NULL WHERE {mine} AND kind = 'savings' AND owner_id = {account}",
        {BOUNDS},
    ),
    "an entry is moved to another day": (
        "UPDATE ledger_entries SET business_day = business_day - 1 WHERE {mine} AND id = {entry}",
        {DAY},
    ),
    "a posting tells of other balances": (
        "UPDATE ledger_postings SET source_balance = source_balance - 1 WHERE {mine} AND entry_id = {entry}",
        {RUNNING},
    ),
    "an expense is put on somebody else": (
        "UPDATE expenses SET spender_id = {admin} WHERE {mine} AND id = {expense}",
        {SPENT},
    ),
    "an expense is called smaller": (
        "UPDATE expenses SET amount = amount - 1 WHERE {mine} AND id = {expense}",
        {SPENT, OUTLAYS},
    ),
    "an expense is called taken back": (
        "UPDATE expenses SET status = 'reversed', reversed_by_id = {admin}, reason = 'x' "
        "WHERE {mine} AND id = {expense}",
        {SPENT_BACK, OUTLAYS},
    ),
    "an expense vanishes": ("DELETE FROM expenses WHERE {mine} AND id = {expense}", {OUTLAYS}),
    "an item of an expense card vanishes": ("DELETE FROM expense_items WHERE {mine}", {BUDGET}),
    "an expense card grows": ("UPDATE expense_cards SET income = income + 1 WHERE {mine}", {BUDGET}),
    "a balance is raised": (
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE {mine} AND kind = 'savings' AND owner_id = {account}",
        {BALANCE, DRIFT, ZERO},
    ),
    "money moves from one balance to another": (
        "UPDATE ledger_accounts SET balance = balance + CASE kind WHEN 'bank' THEN 1 ELSE -1 END "
        "WHERE {mine} AND kind IN ('bank', 'business_income')",
        {DRIFT},
    ),
    "a posting is deleted": (
        "DELETE FROM ledger_postings WHERE {mine} AND entry_id = {entry}",
        {DRIFT, EMPTY},
    ),
    "a posting is enlarged": (
        "UPDATE ledger_postings SET amount = amount + 1 WHERE {mine} AND entry_id = {entry}",
        {DRIFT},
    ),
    "a posting goes to another account": (
        "UPDATE ledger_postings SET destination_id = (SELECT id FROM ledger_accounts WHERE {mine} AND kind = 'bank') "
        "WHERE {mine} AND entry_id = {entry}",
        {DRIFT},
    ),
    "an entry loses its movements and the balances follow": (
        "WITH gone AS (DELETE FROM ledger_postings WHERE {mine} AND entry_id = {reversal} RETURNING *) "
        "UPDATE ledger_accounts a SET balance = balance + CASE a.id WHEN gone.source_id THEN amount ELSE -amount END "
        "FROM gone WHERE a.business_id = gone.business_id AND a.id IN (gone.source_id, gone.destination_id)",
        {EMPTY, BALANCE, REVERSAL},
    ),
    "a commission is taken for a cycle nobody has begun": (
        "UPDATE commissions SET cycle = cycle + 5 WHERE {mine} AND account_id = {account}",
        {UNSTARTED, MISSING},
    ),
    "a commission vanishes": (
        "DELETE FROM commissions WHERE {mine} AND account_id = {account}",
        {MISSING, BALANCE},
    ),
    "a commission is larger than what was taken": (
        "UPDATE commissions SET agent_amount = agent_amount + 1 WHERE {mine} AND account_id = {account}",
        {BALANCE},
    ),
    "a paid slot is worth more": (
        "UPDATE markings SET amount = amount + 1 WHERE {mine} AND id = {marking}",
        {BALANCE, COLLECTION},
    ),
    "a paid slot vanishes": (
        "DELETE FROM markings WHERE {mine} AND id = {marking}",
        {BALANCE, COLLECTION},
    ),
    "a paid slot is reversed without its money": (
        "UPDATE markings SET status = 'reversed' WHERE {mine} AND id = {marking}",
        {BALANCE},
    ),
    "credit is invented": (
        "UPDATE savings_accounts SET credit = credit + 1 WHERE {mine} AND id = {account}",
        {BALANCE},
    ),
    "an account came with more": (
        "UPDATE savings_accounts SET opening_balance = opening_balance + 1 WHERE {mine} AND id = {account}",
        {BALANCE, OPENED},
    ),
    "a tick is called one from before": (
        "UPDATE markings SET collection_id = NULL WHERE {mine} AND id = {marking}",
        {BALANCE, COLLECTION},
    ),
    "an imported account's commission is taken here from the start": (
        "UPDATE savings_accounts SET commission_from = 1 WHERE {mine} AND commission_from > 1",
        {MISSING},
    ),
    "a collection took more cash": (
        "UPDATE collections SET amount = amount + 1 WHERE {mine} AND id = {collection}",
        {COLLECTION},
    ),
    "a waiting request asks for more": (
        "UPDATE payment_requests SET amount = amount + 1 WHERE {mine} AND id = {approved}",
        {HOLD, BALANCE},
    ),
    "a waiting request vanishes": (
        "DELETE FROM payment_requests WHERE {mine} AND id = {approved}",
        {HOLD, BALANCE},
    ),
    "a request is called paid": (
        "UPDATE payment_requests SET status = 'paid', paid_at = now() WHERE {mine} AND id = {approved}",
        {PAID, HOLD},
    ),
    "a paid request names another bank reference": (
        "UPDATE payment_requests SET bank_reference = 'FBN-2' WHERE {mine} AND id = {paid}",
        {PAID},
    ),
    "the approval of a paid request vanishes": (
        "DELETE FROM payment_approvals WHERE {mine} AND request_id = {paid}",
        {APPROVED},
    ),
    "a request is approved by nobody": (
        "UPDATE payment_requests SET approvals_needed = 2 WHERE {mine} AND id = {approved}",
        {APPROVED},
    ),
    "a reversal gives back less": (
        "UPDATE ledger_postings SET amount = amount - 1 WHERE {mine} AND entry_id = {reversal}",
        {REVERSAL, DRIFT},
    ),
}


@pytest.fixture(scope="module")
def books(cast) -> dict:
    """A business with something of everything, and the ids of it."""
    cast.ada.ok("PATCH", "/settings", {"agent_share": 6_000, "cooldown_hours": 0})
    account = cast.open_account(cast.funke, cycle_days=3)
    marked = cast.mark(account, days=2)
    mistaken = cast.mark(account)
    cast.ada.ok("POST", f"/collections/{mistaken['collection_id']}/reversal", {"reason": "wrong card"})
    bank = {"bank_code": "033", "account_number": "1723185117", "account_name": "Funke Bello"}
    payee = cast.funke.ok("POST", "/payment-accounts", bank)["id"]
    wanted = {"account_id": account["id"], "amount": 1_000, "method": "transfer", "payment_account_id": payee}
    approved, paid = (cast.funke.ok("POST", "/payments", wanted)["id"] for _ in range(2))
    for request in (approved, paid):
        cast.ada.ok("POST", f"/payments/{request}/approve")
    cast.ada.ok("POST", f"/payments/{paid}/pay-transfer", {"bank_reference": "FBN-1"})
    fuel = {"amount": 100, "category": "fuel", "note": "x"}
    mistake, expense = (cast.chidi.ok("POST", "/expenses", fuel)["id"] for _ in range(2))
    cast.ada.ok("POST", f"/expenses/{mistake}/reversal", {"reason": "counted twice"})
    card = cast.funke.ok("POST", "/expense-cards", {"name": "x", "amount": 100, "source": "x"})["id"]
    cast.funke.ok("POST", f"/expense-cards/{card}/items", {"name": "x", "category": "food", "amount": 50})
    bring(cast, row(cast.chidi, days_paid=1, opening_balance=1, held_in="bank"))
    assert_adds_up(cast.app)
    found = {"collection": marked["collection_id"], "account": account["id"], "approved": approved, "paid": paid}
    found |= {"expense": expense, "admin": cast.ada.id}

    facts = {
        "marking": "SELECT min(id) FROM markings WHERE collection_id = {collection}",
        "entry": "SELECT entry_id FROM collections WHERE id = {collection}",
        "reversal": "SELECT max(id) FROM ledger_entries WHERE reverses_id IS NOT NULL AND kind = 'marking.reversed'",
    }
    found |= {name: scalar(cast.app, query.format(**found)) for name, query in facts.items()}
    return found | {"mine": f"business_id = {cast.business_id}"}


@pytest.mark.parametrize("what", CORRUPTION)
def test_corruption_is_found(cast, books, what):
    """In a transaction that is given up again; the same function speaks on the command line."""
    statement, sentences = CORRUPTION[what]
    with cast.app.app_context():
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        assert db.session.execute(text(statement.format(**books))).rowcount >= 1
        found = broken_invariants(cast.business_id)
        db.session.rollback()
    assert found.keys() >= sentences, found


def test_the_command_says_what_and_where(cast, books):
    """And ends with 1, so that whoever runs it every night hears of it."""
    moved = "UPDATE savings_accounts SET credit = credit + {} WHERE id = :id"
    with cast.app.app_context(), db.engine.begin() as connection:
        connection.execute(text(moved.format(1)), {"id": books["account"]})
    said = cast.app.test_cli_runner().invoke(args=["verify"])
    with cast.app.app_context(), db.engine.begin() as connection:
        connection.execute(text(moved.format(-1)), {"id": books["account"]})
    assert said.exit_code == 1
    assert f"business {cast.business_id}: NOT TRUE that {BALANCE}: [{books['account']}]" in said.output
    assert_adds_up(cast.app)
