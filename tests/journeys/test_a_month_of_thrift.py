"""January 2027 at Ada Thrift, as an accountant would check it. Amounts in naira; the API speaks kobo."""

from datetime import date

import pytest

FIRST, LAST = date(2027, 1, 1), date(2027, 1, 31)


def naira(amount: int) -> int:
    return amount * 100


@pytest.fixture
def january(fresh_cast, calendar):
    """The business on New Year's Day: one day a calendar month, four fifths of it the collector's."""
    calendar.to(FIRST)
    fresh_cast.ada.ok("PATCH", "/settings", {"cycle_kind": "calendar_month", "agent_share": 8_000})
    return fresh_cast


def balances(cast) -> dict:
    """The trial balance as kind → credit less debit, in kobo; kinds without money left out."""
    lines = cast.ada.ok("GET", "/reports/trial-balance")["lines"]
    return {line["kind"]: line["credit"] - line["debit"] for line in lines if line["credit"] != line["debit"]}


def test_a_month_of_thrift(january, calendar):
    cast = january
    funke = cast.open_account(cast.funke, by=cast.chidi, contribution=naira(1_000))
    hauwa = cast.open_account(
        cast.hauwa,
        by=cast.dupe,
        kind="target",
        contribution=None,
        target_amount=naira(50_000),
        end_date=str(LAST),
    )
    assert (funke["state"], hauwa["contribution"]) == ("not_started", 161_291), "50 000 over 31 days, rounded up"

    # 1 January: Funke pays her first day, and that day is the commission: 800 for Chidi, 200 for the business.
    receipt = cast.mark(funke)
    assert (receipt["amount"], receipt["commission"], receipt["balance"]) == (naira(1_000), naira(1_000), 0)
    assert balances(cast) == {
        "agent_cash": -naira(1_000),
        "commission_payable": naira(800),
        "business_income": naira(200),
    }

    # Hauwa pays two days to Dupe, whose commission is one of them.
    cast.mark(hauwa, by=cast.dupe, days=2)
    card = cast.card(hauwa)["totals"]
    assert (card["amount_paid"], card["balance"]) == (2 * 161_291, 161_291)

    # 8 January: Funke has missed a week but for the first day; she pays 5 500: five days and 500 on credit.
    calendar.forward(days=7)
    stops = {stop["account_id"]: stop for stop in cast.chidi.ok("GET", "/route")["items"]}
    assert (stops[funke["id"]]["status"], stops[funke["id"]]["missed"]) == ("due", 6)
    receipt = cast.mark(funke, amount=naira(5_500))
    assert [slot["date"] for slot in receipt["slots"]] == [f"2027-01-0{day}" for day in range(2, 7)]
    assert (receipt["credit"], receipt["balance"], receipt["commission"]) == (naira(500), naira(5_500), 0)

    # She pays the 7th and the 8th: her credit is used first, so 1 500 in cash.
    receipt = cast.mark(funke, days=2)
    assert (receipt["amount"], receipt["credit"], receipt["balance"]) == (naira(1_500), 0, naira(7_000))

    # The collector ticked a day too many and takes it back within his fifteen minutes.
    wrong = cast.mark(funke)
    cast.chidi.ok("POST", f"/collections/{wrong['collection_id']}/reversal", {"reason": "ticked twice"})
    assert cast.card(funke)["totals"]["balance"] == naira(7_000)

    # 10 January: the child is ill. Funke asks for 3 000; the money is on hold until an admin has decided.
    calendar.forward(days=2)
    request = cast.funke.ok("POST", "/payments", {"account_id": funke["id"], "amount": naira(3_000)})
    assert cast.card(funke)["totals"]["available"] == naira(4_000)
    held = balances(cast)
    assert (held["payout_hold"], held["savings"]) == (naira(3_000), naira(4_000) + 161_291)
    cast.ada.ok("POST", f"/payments/{request['id']}/approve")
    code = cast.funke.ok("POST", f"/payments/{request['id']}/code")["code"]
    cast.chidi.ok("POST", f"/payments/{request['id']}/pay-cash", {"code": code})
    chidis_bag, dupes_bag = naira(1_000 + 5_500 + 1_500 - 3_000), 2 * 161_291
    assert balances(cast)["agent_cash"] == -(chidis_bag + dupes_bag)

    # 31 January: both pay up. A month costs one day, however long.
    calendar.to(LAST)
    assert cast.mark(funke, days=23)["state"] == "completed"
    hauwa_done = cast.mark(hauwa, by=cast.dupe, days=29)
    assert (hauwa_done["state"], hauwa_done["commission"]) == ("completed", 0)
    assert cast.card(hauwa)["totals"]["amount_paid"] == naira(50_000)
    assert cast.card(funke)["totals"]["balance"] == naira(31_000 - 1_000 - 3_000)

    # Funke takes the rest in cash at the office; Hauwa has hers sent to the bank after the cool-down.
    rest = cast.chidi.ok("POST", "/payments", {"account_id": funke["id"]})
    assert rest["amount"] == naira(27_000)
    cast.bola.ok("POST", f"/payments/{rest['id']}/approve")
    code = cast.funke.ok("POST", f"/payments/{rest['id']}/code")["code"]
    cast.ada.ok("POST", f"/payments/{rest['id']}/pay-cash", {"code": code})
    bank = {"bank_code": "011", "account_number": "0000014579", "account_name": "Hauwa Sani"}
    account = cast.hauwa.ok("POST", "/payment-accounts", bank)
    transfer = {"account_id": hauwa["id"], "method": "transfer", "payment_account_id": account["id"]}
    sent = cast.hauwa.ok("POST", "/payments", transfer)
    assert sent["amount"] == naira(50_000) - 161_291
    assert cast.ada.post(f"/payments/{sent['id']}/approve").code == "payments.cooling_down"
    calendar.forward(hours=25)
    cast.ada.ok("POST", f"/payments/{sent['id']}/approve")
    cast.ada.ok("POST", f"/payments/{sent['id']}/pay-transfer", {"bank_reference": "GTB-20270201-001"})

    # 1 February: every card is paid out, nobody is owed anything but the collectors their commission.
    accounts = cast.ada.ok("GET", "/savings")["items"]
    assert {(account["state"], account["balance"]) for account in accounts} == {("paid_out", 0)}
    chidi = cast.chidi.ok("GET", f"/commissions/agents/{cast.chidi.id}/statement")
    dupe = cast.dupe.ok("GET", f"/commissions/agents/{cast.dupe.id}/statement")
    assert (chidi["balance"], chidi["cycles"]) == (naira(800), 1)
    assert (dupe["balance"], dupe["business_amount"]) == (129_033, 32_258), "of 1 612.91, rounded to the kobo"
    pots = cast.ada.ok("GET", "/reports/four-pots")
    assert (pots["customer_liabilities"], pots["difference"]) == (0, 0)
    assert cast.ada.ok("GET", "/reports/trial-balance")["balanced"]
    verified = cast.app.test_cli_runner().invoke(args=["verify"])
    assert (verified.output, verified.exit_code) == ("everything adds up\n", 0)

    # Everything is in the trail, by whom it was done.
    actions = {event["action"] for event in cast.ada.ok("GET", "/audit?limit=100")["items"]}
    assert {"markings.collected", "markings.reversed", "payments.requested", "payments.approved"} <= actions
    assert {"payments.paid", "payments.code_made", "payment_accounts.added", "savings.opened"} <= actions


def test_the_statement_shows_every_kobo_of_an_account(january, calendar):
    account = january.open_account(january.funke, contribution=naira(1_000))
    january.mark(account, amount=naira(2_500))
    calendar.forward(days=1)
    january.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": naira(500)})
    statement = january.funke.ok("GET", f"/savings/{account['id']}/statement")
    lines = [(line["business_day"], line["kind"], line["amount"], line["balance"]) for line in statement["items"]]
    assert lines == [
        ("2027-01-02", "payment.requested", -naira(500), naira(1_000)),
        ("2027-01-01", "commission", -naira(200), naira(1_500)),
        ("2027-01-01", "commission", -naira(800), naira(1_700)),
        ("2027-01-01", "marking.cash", naira(2_500), naira(2_500)),
    ]
    assert (statement["balance"], statement["available"]) == (naira(1_000), naira(1_000))
