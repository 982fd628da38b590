"""Proofs over HTTP, and the audit trail."""

from blueprints.settings.rules import AccountKind


def test_an_empty_business_balances(fresh_cast):
    balance = fresh_cast.ada.ok("GET", "/reports/trial-balance")
    assert (balance["debits"], balance["credits"], balance["balanced"]) == (0, 0, True)
    assert {line["kind"] for line in balance["lines"]} == set(AccountKind)
    assert fresh_cast.ada.ok("GET", "/reports/four-pots")["difference"] == 0


def test_the_pots_cover_what_customers_are_owed(fresh_cast):
    fresh_cast.ada.ok("PATCH", "/settings", {"agent_share": 6_000})
    account = fresh_cast.open_account(fresh_cast.funke)
    fresh_cast.mark(account, amount=170_000)
    fresh_cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 30_000})
    pots = fresh_cast.ada.ok("GET", "/reports/four-pots")
    assert pots == {
        "currency": "NGN",
        "customer_liabilities": 120_000,
        "business_cash_and_bank": 0,
        "agents_cash": 170_000,
        "gateway_clearing": 0,
        "income": 20_000,
        "commission_payable": 30_000,
        "over_short": 0,
        "expenses": 0,
        "covered": 120_000,
        "difference": 0,
    }


def test_the_trail_names_who_did_what_and_is_found_by_request(fresh_cast):
    account = fresh_cast.open_account(fresh_cast.funke)
    answer = fresh_cast.chidi.post(
        f"/savings/{account['id']}/markings", {}, headers={"X-Request-ID": "market-day-0001"}
    )
    [event] = fresh_cast.ada.ok("GET", "/audit?request_id=market-day-0001")["items"]
    assert event["action"] == "markings.collected"
    assert (event["membership_id"], event["user_id"]) == (fresh_cast.chidi.id, fresh_cast.chidi.user_id)
    assert (event["object_type"], event["object_id"]) == ("collection", answer["collection_id"])
    assert event["after"]["amount"] == 50_000
    assert fresh_cast.chidi.get("/audit").status == 403


def test_the_platforms_trail_is_for_its_staff(cast, staff):
    actions = {event["action"] for event in staff.ok("GET", "/platform/audit?limit=100")["items"]}
    assert "auth.super_admin_created" in actions
    assert cast.ada.get("/platform/audit").status == 403
