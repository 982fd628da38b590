"""Spending the business's money over HTTP."""

import uuid
from datetime import date

import pytest

DAY = 50_000
FUEL = {"amount": 20_000, "category": "fuel", "note": "Petrol for the motorcycle"}
REASON = {"reason": "counted twice"}
EVER = "?since=2000-01-01&until=2100-12-31"


@pytest.fixture
def holding(fresh_cast):
    """Chidi holds the cash of three days; above 100 000 kobo somebody must approve."""
    fresh_cast.ada.ok("PATCH", "/settings", {"expense_approval_above": 100_000})
    fresh_cast.mark(fresh_cast.open_account(fresh_cast.funke), days=3)
    return fresh_cast


def pots(cast) -> dict:
    return cast.ada.ok("GET", "/reports/four-pots")


def test_a_collector_spends_from_what_they_hold(holding):
    spent = holding.chidi.ok("POST", "/expenses", FUEL | {"receipt_number": "NNPC-0042"})
    said = {name: spent[name] for name in ("status", "paid_from", "spender_id", "needs_approval", "receipt_number")}
    assert said == {
        "status": "posted",
        "paid_from": "agent_cash",
        "spender_id": holding.chidi.id,
        "needs_approval": False,
        "receipt_number": "NNPC-0042",
    }
    after = pots(holding)
    assert (after["agents_cash"], after["expenses"], after["difference"]) == (3 * DAY - 20_000, -20_000, 0)
    [event] = holding.ada.ok("GET", "/audit?action=expenses.posted")["items"]
    assert (event["object_id"], event["after"]["amount"]) == (spent["id"], 20_000)


def test_nobody_spends_more_than_they_hold_or_from_another_pot(holding):
    holding.chidi.ok("POST", "/expenses", FUEL | {"amount": 100_000})
    refused = holding.chidi.post("/expenses", FUEL | {"amount": 50_001})
    assert (refused.code, refused["available"]) == ("ledger.insufficient_funds", 50_000)
    assert holding.dupe.post("/expenses", FUEL | {"amount": 1}).code == "ledger.insufficient_funds"
    assert holding.ada.post("/expenses", FUEL | {"paid_from": "agent_cash"}).code == "ledger.insufficient_funds"
    for pot in ("business_cash", "bank"):
        assert holding.chidi.post("/expenses", FUEL | {"paid_from": pot}).code == "expenses.wrong_pot"
    assert holding.funke.post("/expenses", FUEL).status == 403
    assert (pots(holding)["agents_cash"], pots(holding)["expenses"]) == (50_000, -100_000)


def test_an_admin_spends_from_the_office_or_the_bank(holding):
    assert holding.ada.ok("POST", "/expenses", FUEL)["paid_from"] == "business_cash"
    holding.ada.ok("POST", "/expenses", FUEL | {"category": "rent", "paid_from": "bank"})
    after = pots(holding)
    assert (after["business_cash_and_bank"], after["agents_cash"], after["difference"]) == (-40_000, 3 * DAY, 0)


def test_above_the_limit_somebody_else_approves_and_then_the_money_moves(holding, calendar):
    calendar.to(date(2027, 3, 1))
    assert holding.chidi.ok("POST", "/expenses", FUEL | {"amount": 100_000}, query_string="dry_run=true")["status"]
    asked = holding.chidi.ok("POST", "/expenses", FUEL | {"amount": 100_001})
    assert (asked["status"], asked["needs_approval"], asked["business_day"]) == ("requested", True, "2027-03-01")
    path = f"/expenses/{asked['id']}"
    assert pots(holding)["expenses"] == 0
    assert holding.chidi.post(f"{path}/approve").status == 403
    calendar.forward(days=1)
    done = holding.ada.ok("POST", f"{path}/approve")
    assert (done["status"], done["decided_by_id"], done["business_day"]) == ("posted", holding.ada.id, "2027-03-02")
    assert (pots(holding)["agents_cash"], pots(holding)["difference"]) == (3 * DAY - 100_001, 0)
    for act, body in (("approve", None), ("reject", REASON)):
        refused = holding.bola.post(f"{path}/{act}", body)
        assert (refused.code, refused["status_now"]) == ("expenses.wrong_status", "posted")


def test_an_admin_approves_their_own_no_more_than_others_do(holding):
    asked = holding.ada.ok("POST", "/expenses", FUEL | {"amount": 100_001, "paid_from": "bank"})
    path = f"/expenses/{asked['id']}"
    assert holding.ada.post(f"{path}/approve").code == "expenses.own_request"
    rejected = holding.ada.ok("POST", f"{path}/reject", REASON)
    assert (rejected["status"], rejected["reason"]) == ("rejected", "counted twice")
    assert holding.bola.post(f"{path}/approve").code == "expenses.wrong_status"
    assert holding.bola.post(f"{path}/reversal", REASON).code == "expenses.wrong_status"
    assert pots(holding)["expenses"] == 0


def test_a_request_whose_cash_has_gone_waits_until_it_is_there_again(holding):
    asked = holding.chidi.ok("POST", "/expenses", FUEL | {"amount": 120_000})
    holding.chidi.ok("POST", "/expenses", FUEL | {"amount": 60_000})
    path = f"/expenses/{asked['id']}"
    refused = holding.ada.post(f"{path}/approve")
    assert (refused.status, refused.code, refused["available"]) == (409, "ledger.insufficient_funds", 90_000)
    assert holding.ada.ok("GET", path)["status"] == "requested"
    holding.mark(holding.open_account(holding.gbenga), days=1)
    assert holding.ada.ok("POST", f"{path}/approve")["status"] == "posted"
    assert pots(holding)["agents_cash"] == 4 * DAY - 180_000


@pytest.mark.parametrize(("limit", "statuses"), [(None, ["posted", "posted"]), (0, ["requested", "requested"])])
def test_a_business_may_let_everything_pass_or_nothing(holding, limit, statuses):
    holding.ada.ok("PATCH", "/settings", {"expense_approval_above": limit})
    amounts = (1, 5_000_000)
    assert [holding.ada.ok("POST", "/expenses", FUEL | {"amount": amount})["status"] for amount in amounts] == statuses


def test_an_admin_reverses_once_and_the_spender_holds_the_money_again(holding):
    spent = holding.chidi.ok("POST", "/expenses", FUEL)
    path = f"/expenses/{spent['id']}/reversal"
    assert holding.chidi.post(path, REASON).status == 403
    rehearsed = holding.ada.post(path, REASON, query_string="dry_run=true")
    assert (rehearsed.status, rehearsed["status"], pots(holding)["expenses"]) == (200, "reversed", -20_000)
    taken_back = holding.ada.ok("POST", path, REASON)
    assert (taken_back["status"], taken_back["reversed_by_id"]) == ("reversed", holding.ada.id)
    assert holding.bola.post(path, REASON).code == "ledger.already_reversed"
    after = pots(holding)
    assert (after["agents_cash"], after["expenses"], after["difference"]) == (3 * DAY, 0, 0)
    assert holding.ada.ok("GET", f"/expenses/totals{EVER}")["amount"] == 0


def test_a_retry_spends_once(holding):
    key = uuid.uuid4().hex
    first, again = (holding.chidi.post("/expenses", FUEL, key=key) for _ in range(2))
    assert (first.status, first.body) == (201, again.body)
    assert pots(holding)["expenses"] == -20_000


def test_lists_filter_and_show_what_one_may_see(holding, calendar):
    calendar.to(date(2027, 3, 1))
    holding.mark(holding.open_account(holding.hauwa), by=holding.dupe)
    early = holding.dupe.ok("POST", "/expenses", FUEL | {"amount": 100})["id"]
    calendar.forward(days=1)
    own = holding.chidi.ok("POST", "/expenses", FUEL | {"category": "airtime"})["id"]
    office = holding.ada.ok("POST", "/expenses", FUEL | {"amount": 100_001})["id"]

    def seen(person, query="") -> list[int]:
        return [item["id"] for item in person.ok("GET", f"/expenses{query}")["items"]]

    assert seen(holding.ada) == [office, own, early]
    assert (seen(holding.chidi), seen(holding.dupe), seen(holding.emeka)) == ([own, early], [early], [])
    assert seen(holding.ada, "?status=requested") == [office]
    assert seen(holding.ada, "?category=airtime") == [own]
    assert seen(holding.ada, f"?spender_id={holding.dupe.id}") == [early]
    assert seen(holding.ada, "?until=2027-03-01") == [early]
    assert seen(holding.ada, "?since=2027-03-02&until=2027-03-02") == [office, own]
    first = holding.ada.ok("GET", "/expenses?limit=2")
    assert seen(holding.ada, f"?limit=2&cursor={first['next']}") == [early]
    assert holding.emeka.get(f"/expenses/{own}").status == 404
    totals = holding.ada.ok("GET", "/expenses/totals?since=2027-03-01&until=2027-03-02")
    assert totals["items"] == [
        {"category": "airtime", "expenses": 1, "amount": 20_000},
        {"category": "fuel", "expenses": 1, "amount": 100},
    ]
    assert (totals["expenses"], totals["amount"]) == (2, 20_100)
    assert holding.ada.ok("GET", "/expenses/totals?since=2027-03-02&until=2027-03-02")["amount"] == 20_000
    assert holding.dupe.ok("GET", f"/expenses/totals{EVER}")["amount"] == 100
    assert holding.chidi.ok("GET", f"/expenses/totals{EVER}&spender_id={holding.chidi.id}")["amount"] == 20_000
