"""A customer's expense card over HTTP."""

import pytest

from tests.cast import PIN, Person, new_phone

BUDGET = {"name": "School", "amount": 100_000, "source": "Salary"}
ITEM = {"name": "Textbooks", "category": "school", "amount": 30_000}


@pytest.fixture
def card(cast) -> str:
    """The path of a card of funke's with 100 000 kobo."""
    return f"/expense-cards/{cast.funke.ok('POST', '/expense-cards', BUDGET)['id']}"


def test_a_card_shows_its_progress(cast, card):
    cast.funke.ok("POST", f"{card}/items", ITEM | {"planned": True})
    cast.funke.ok("POST", f"{card}/items", ITEM | {"name": "Rice", "category": "food", "amount": 25_000})
    plan = cast.funke.ok("POST", f"{card}/items", ITEM | {"name": "Uniform", "planned": True})
    real = cast.funke.ok("POST", f"/expense-items/{plan['id']}/spend", {"amount": 35_000})
    assert (plan["status"], real["status"]) == ("planned", "real")
    assert (real["planned_amount"], real["spent_amount"]) == (30_000, 35_000)
    topped_up = cast.funke.ok("POST", f"{card}/incomes", {"amount": 5_000, "source": "A gift"})
    progress = cast.funke.ok("GET", card)
    assert topped_up == progress
    sums = {name: progress[name] for name in ("income", "planned", "spent", "left")}
    assert sums == {"income": 105_000, "planned": 30_000, "spent": 60_000, "left": 45_000}
    assert progress["categories"] == [
        {"category": "food", "planned": 0, "spent": 25_000},
        {"category": "school", "planned": 30_000, "spent": 35_000},
    ]
    incomes = cast.funke.ok("GET", f"{card}/incomes")["items"]
    assert [(income["source"], income["amount"]) for income in incomes] == [("A gift", 5_000), ("Salary", 100_000)]
    assert len(cast.funke.ok("GET", f"{card}/items")["items"]) == 3
    for query, names in {"status=planned": ["Textbooks"], "status=real&category=school": ["Uniform"]}.items():
        assert [item["name"] for item in cast.funke.ok("GET", f"{card}/items?{query}")["items"]] == names


def test_nobody_spends_more_than_the_card_has(cast, card):
    cast.funke.ok("POST", f"{card}/items", ITEM | {"amount": 100_000, "planned": True})
    plan = cast.funke.ok("POST", f"{card}/items", ITEM | {"amount": 100_000, "planned": True})
    cast.funke.ok("POST", f"{card}/items", ITEM)
    for path, body in ((f"{card}/items", ITEM | {"amount": 70_001}), (f"/expense-items/{plan['id']}/spend", {})):
        refused = cast.funke.post(path, body)
        assert (refused.code, refused["left"]) == ("expenses.over_budget", 70_000)
    assert [item["status"] for item in cast.funke.ok("GET", f"{card}/items")["items"]] == ["real", "planned", "planned"]
    assert cast.funke.ok("POST", f"/expense-items/{plan['id']}/spend", {"amount": 70_000})["status"] == "real"
    assert cast.funke.ok("GET", card)["left"] == 0


def test_a_plan_becomes_real_once_and_only_plans_are_dropped(cast, card):
    plan, dropped = (cast.funke.ok("POST", f"{card}/items", ITEM | {"planned": True})["id"] for _ in range(2))
    assert cast.funke.delete(f"/expense-items/{dropped}").status == 204
    assert cast.funke.post(f"/expense-items/{dropped}/spend").status == 404
    assert cast.funke.ok("POST", f"/expense-items/{plan}/spend")["spent_amount"] == 30_000
    assert cast.funke.post(f"/expense-items/{plan}/spend").code == "expenses.item_spent"
    assert cast.funke.delete(f"/expense-items/{plan}").code == "expenses.item_spent"
    assert cast.funke.ok("GET", card)["spent"] == 30_000
    actions = [
        event["action"] for event in cast.ada.ok("GET", f"/audit?object_type=expense_item&object_id={plan}")["items"]
    ]
    assert sorted(actions) == ["expense_items.planned", "expense_items.spent"]


def test_the_customer_writes_and_those_above_read(cast, card):
    plan = cast.funke.ok("POST", f"{card}/items", ITEM | {"planned": True})["id"]
    for reader in (cast.chidi, cast.ada):
        assert reader.ok("GET", card)["planned"] == 30_000
        assert reader.ok("GET", f"/expense-cards?customer_id={cast.funke.id}")["items"]
        writing = [
            reader.post(f"{card}/items", ITEM),
            reader.post(f"{card}/incomes", {"amount": 1, "source": "x"}),
            reader.post("/expense-cards", BUDGET | {"customer_id": cast.funke.id}),
            reader.post(f"/expense-items/{plan}/spend"),
            reader.delete(f"/expense-items/{plan}"),
        ]
        assert {answer.code for answer in writing} == {"expenses.not_your_card"}
    for stranger in (cast.emeka, cast.gbenga):
        assert {stranger.get(f"{card}{more}").status for more in ("", "/items", "/incomes")} == {404}
        assert stranger.post(f"{card}/items", ITEM).status == 404
        assert stranger.post("/expense-cards", BUDGET | {"customer_id": cast.funke.id}).code == "savings.not_a_customer"
    assert cast.chidi.post("/expense-cards", BUDGET).code == "savings.not_a_customer", "no customer himself"


def test_staff_keep_the_card_of_who_has_no_login_until_they_have_one(cast):
    """The person accepts and from then on writes alone."""
    member = cast.add("customer", "Walks In", parent=cast.dupe, phone=(phone := new_phone()))
    body = BUDGET | {"customer_id": member["id"]}
    assert cast.emeka.post("/expense-cards", body).code == "savings.not_a_customer"
    card = f"/expense-cards/{cast.dupe.ok('POST', '/expense-cards', body)['id']}"
    assert cast.chidi.ok("POST", f"{card}/items", ITEM)["spent_amount"] == 30_000
    walks_in = Person(cast.app, member, phone, PIN)
    assert cast.dupe.post(f"{card}/items", ITEM).code == "expenses.not_your_card"
    assert walks_in.ok("POST", f"{card}/items", ITEM)["id"]
    assert walks_in.ok("GET", card)["left"] == 40_000


def test_a_card_of_a_savings_account_has_what_was_really_paid_out(fresh_cast):
    """Two of three days, for one was commission; in two payments. A rejected and a cancelled one do not count."""
    cast = fresh_cast
    account = cast.open_account(cast.funke, cycle_days=3)
    cast.mark(account, days=3)
    path = f"/savings/{account['id']}/expense-card"
    rejected = cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 70_000})["id"]
    cast.ada.ok("POST", f"/payments/{rejected}/reject", {"reason": "too much"})
    for amount in (40_000, 60_000):
        assert cast.funke.post(path, {"name": "School"}).code == "expenses.not_paid_out"
        request = cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": amount})["id"]
        cast.ada.ok("POST", f"/payments/{request}/approve")
        code = cast.funke.ok("POST", f"/payments/{request}/code")["code"]
        cast.chidi.ok("POST", f"/payments/{request}/pay-cash", {"code": code})
    assert cast.chidi.post(path, {"name": "School"}).code == "expenses.not_your_card"
    assert cast.ike.post(path, {"name": "School"}).status == 404
    card = cast.funke.ok("POST", path, {"name": "School"})
    assert (card["income"], card["left"], card["account_id"]) == (100_000, 100_000, account["id"])
    assert cast.funke.post(path, {"name": "Again"}).code == "expenses.account_used"
    [income] = cast.funke.ok("GET", f"/expense-cards/{card['id']}/incomes")["items"]
    assert (income["amount"], income["source"]) == (100_000, f"savings account {account['tracking_number']}")
    assert cast.ada.ok("GET", "/reports/four-pots")["difference"] == 0
