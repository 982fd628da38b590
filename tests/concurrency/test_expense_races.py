"""Many hands at the same bag, request or budget: nothing is spent twice, and nothing that is not there."""

import threading
import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from blueprints.expenses import queries
from blueprints.expenses.models import Expense
from blueprints.expenses.rules import OverBudget
from ofektom.errors import from_database
from ofektom.extensions import db
from tests.concurrency.race import assert_adds_up, balance, count, scalar, together

LIMIT = 100_000
RACES = 25
FUEL = {"amount": 20_000, "category": "fuel", "note": "Petrol"}
ITEM = {"name": "Rice", "category": "food", "amount": 20_000}
REASON = {"reason": "second thoughts"}


@pytest.fixture(scope="module")
def purse(cast):
    """A business whose chidi holds plenty, and whose limit is 100 000 kobo."""
    cast.ada.ok("PATCH", "/settings", {"expense_approval_above": LIMIT})
    account = cast.open_account(cast.funke, contribution=10 * LIMIT, cycle_days=31)
    cast.mark(account, days=20)
    yield cast
    assert_adds_up(cast.app)


def requested(cast) -> str:
    """The path of an expense of chidi's that waits."""
    return f"/expenses/{cast.chidi.ok('POST', '/expenses', FUEL | {'amount': LIMIT + 1})['id']}"


def spent(cast) -> int:
    return -balance(cast.app, cast.business_id, "expenses")


def budget(person, amount: int = 100_000) -> str:
    """The path of a new expense card."""
    return f"/expense-cards/{person.ok('POST', '/expense-cards', {'name': 'x', 'source': 'x', 'amount': amount})['id']}"


def test_parallel_spends_leave_the_bag_at_nothing_and_not_below(fresh_cast):
    """Chidi holds enough for ten of twenty-four."""
    cast = fresh_cast
    cast.mark(cast.open_account(cast.funke, contribution=100_000), days=2)
    answers = together(*[lambda: cast.chidi.post("/expenses", FUEL)] * 24)
    assert (count(answers, 201), count(answers, "ledger.insufficient_funds")) == (10, 14)
    assert (balance(cast.app, cast.business_id, "agent_cash", cast.chidi.id), spent(cast)) == (0, 200_000)
    assert scalar(cast.app, "SELECT count(*) FROM expenses WHERE business_id = :b", b=cast.business_id) == 10
    assert_adds_up(cast.app)


def test_one_key_spends_once(purse):
    before, key = spent(purse), uuid.uuid4().hex
    answers = together(*[lambda: purse.chidi.post("/expenses", FUEL, key=key)] * 12)
    assert {answer.status for answer in answers} == {201}
    assert len({answer["id"] for answer in answers}) == 1
    assert spent(purse) == before + 20_000


def test_a_request_is_decided_once(purse):
    """Two approve, one rejects."""
    before, approvals = spent(purse), 0
    for _ in range(RACES):
        path = requested(purse)
        answers = together(
            lambda path=path: purse.ada.post(f"{path}/approve"),
            lambda path=path: purse.bola.post(f"{path}/approve"),
            lambda path=path: purse.bola.post(f"{path}/reject", REASON),
        )
        assert (count(answers, 200), count(answers, "expenses.wrong_status")) == (1, 2)
        [won] = [answer["status"] for answer in answers if answer.status == 200]
        assert purse.ada.get(path)["status"] == won
        approvals += won == "posted"
    assert spent(purse) == before + approvals * (LIMIT + 1)


def test_two_deciders_who_read_at_the_same_time(purse, monkeypatch):
    """Should the lock ever be lost, the conditional update alone still lets one of them win."""

    def read_unlocked(actor, expense_id):
        found = db.session.get(Expense, (actor.business_id, expense_id), populate_existing=True)
        both_have_read.wait(10)
        return found

    both_have_read = threading.Barrier(2)
    path, before = requested(purse), spent(purse)
    monkeypatch.setattr(queries, "locked_expense", read_unlocked)
    answers = together(lambda: purse.ada.post(f"{path}/approve"), lambda: purse.bola.post(f"{path}/reject", REASON))
    assert (count(answers, 200), count(answers, "expenses.wrong_status")) == (1, 1)
    assert spent(purse) == before + (LIMIT + 1 if answers[0].status == 200 else 0)


def test_an_expense_is_reversed_once(purse):
    before = spent(purse)
    path = f"/expenses/{purse.chidi.ok('POST', '/expenses', FUEL)['id']}/reversal"
    answers = together(*[lambda person=person: person.post(path, REASON) for person in [purse.ada, purse.bola] * 4])
    assert (count(answers, 200), count(answers, "ledger.already_reversed")) == (1, 7)
    assert spent(purse) == before


def test_parallel_items_spend_the_income_and_no_more(purse):
    """Five of twelve fit, whether they were planned or not; then more comes in while more is spent."""
    card = budget(purse.funke)
    plans = [purse.funke.ok("POST", f"{card}/items", ITEM | {"planned": True})["id"] for _ in range(6)]
    spend = [lambda plan=plan: purse.funke.post(f"/expense-items/{plan}/spend") for plan in plans]
    answers = together(*spend, *[lambda: purse.funke.post(f"{card}/items", ITEM)] * 6)
    assert count(answers, 200) + count(answers, 201) == 5
    assert count(answers, "expenses.over_budget") == 7
    progress = purse.funke.ok("GET", card)
    assert (progress["spent"], progress["left"]) == (100_000, 0)
    assert progress["planned"] == (6 - count(answers, 200)) * 20_000
    income = {"amount": 20_000, "source": "trade"}
    topping_up = [lambda: purse.funke.post(f"{card}/incomes", income)] * 4
    spent_more = count(together(*topping_up, *[lambda: purse.funke.post(f"{card}/items", ITEM)] * 8)[4:], 201)
    progress = purse.funke.ok("GET", card)
    assert (progress["income"], progress["spent"]) == (180_000, 100_000 + spent_more * 20_000)


def test_a_plan_is_spent_or_dropped_once(purse):
    card = budget(purse.funke)
    for number in range(10):
        plan = purse.funke.ok("POST", f"{card}/items", ITEM | {"amount": 1_000, "planned": True})
        item = f"/expense-items/{plan['id']}"
        before = purse.funke.ok("GET", card)["spent"]
        jobs = [lambda item=item: purse.funke.post(f"{item}/spend")] * 3
        if number % 2:
            jobs.append(lambda item=item: purse.funke.delete(item))
        answers = together(*jobs)
        assert count(answers, 200) + count(answers, 204) == 1
        assert {answer.code for answer in answers if answer.status >= 400} <= {"expenses.item_spent", "not_found"}
        assert purse.funke.ok("GET", card)["spent"] == before + count(answers, 200) * 1_000


def test_the_database_itself_keeps_the_budget(purse):
    """A service that forgot to look would be refused with the same words."""
    card = budget(purse.funke)
    with purse.app.app_context():
        over = text("UPDATE expense_cards SET spent = income + 1 WHERE id = :id")
        with pytest.raises(IntegrityError) as refused:
            db.session.execute(over, {"id": int(card.rsplit("/", 1)[1])})
        db.session.rollback()
        assert isinstance(from_database(refused.value), OverBudget)


def test_a_savings_account_feeds_one_card(fresh_cast):
    cast = fresh_cast
    account = cast.open_account(cast.funke, cycle_days=2)
    cast.mark(account, days=2)
    request = cast.funke.ok("POST", "/payments", {"account_id": account["id"]})["id"]
    cast.ada.ok("POST", f"/payments/{request}/approve")
    code = cast.funke.ok("POST", f"/payments/{request}/code")["code"]
    cast.ada.ok("POST", f"/payments/{request}/pay-cash", {"code": code})
    path = f"/savings/{account['id']}/expense-card"
    answers = together(*[lambda: cast.funke.post(path, {"name": "Mine"})] * 8)
    assert (count(answers, 201), count(answers, "expenses.account_used")) == (1, 7)
    assert_adds_up(cast.app)
