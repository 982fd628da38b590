"""Paying customers back over HTTP."""

import pytest

DAY = 50_000
NUMBER = {"bank_code": "011", "account_number": "0000014579", "account_name": "Funke Bello"}


@pytest.fixture
def saved(fresh_cast):
    """Funke has paid five days of which one was commission: 200 000 kobo are hers."""
    fresh_cast.account = fresh_cast.open_account(fresh_cast.funke)
    fresh_cast.mark(fresh_cast.account, days=5)
    return fresh_cast


def ask(cast, by=None, **more):
    return (by or cast.funke).ok("POST", "/payments", {"account_id": cast.account["id"]} | more)


def available(cast) -> int:
    return cast.card(cast.account)["totals"]["available"]


def test_a_request_holds_the_money(saved):
    request = ask(saved, amount=150_000)
    assert (request["status"], request["amount"], request["requested_by_id"]) == (
        "requested",
        150_000,
        saved.funke.id,
    )
    assert available(saved) == 50_000
    refused = saved.funke.post("/payments", {"account_id": saved.account["id"], "amount": 50_001})
    assert (refused.code, refused["available"]) == ("payments.not_available", 50_000)


def test_approval_is_by_somebody_else_and_only_once(saved):
    request = ask(saved, by=saved.ada)
    path = f"/payments/{request['id']}"
    assert saved.ada.post(f"{path}/approve").code == "payments.own_request"
    assert saved.chidi.post(f"{path}/approve").status == 403
    assert saved.bola.ok("POST", f"{path}/approve")["status"] == "approved"
    assert saved.bola.post(f"{path}/approve").code == "payments.wrong_status"
    assert saved.bola.post(f"{path}/reject", {"reason": "x"}).code == "payments.wrong_status"


def test_above_the_limit_two_people_approve(saved):
    saved.ada.ok("PATCH", "/settings", {"two_approvers_above": 100_000})
    request = ask(saved, amount=100_001)
    path = f"/payments/{request['id']}/approve"
    assert saved.ada.ok("POST", path)["status"] == "requested"
    assert saved.ada.post(path).code == "payments.already_approved"
    assert saved.bola.ok("POST", path)["status"] == "approved"


@pytest.mark.parametrize(("act", "who", "status"), [("reject", "ada", "rejected"), ("cancel", "funke", "cancelled")])
def test_a_no_returns_the_money(saved, act, who, status):
    request = ask(saved)
    ended = getattr(saved, who).ok("POST", f"/payments/{request['id']}/{act}", {"reason": "changed her mind"})
    assert (ended["status"], ended["reason"]) == (status, "changed her mind")
    assert available(saved) == 200_000
    assert saved.ada.post(f"/payments/{request['id']}/{act}", {"reason": "x"}).code == "payments.wrong_status"


def test_who_may_cancel(saved):
    request = ask(saved)
    path = f"/payments/{request['id']}/cancel"
    assert saved.chidi.post(path, {"reason": "x"}).code == "payments.not_yours"
    assert saved.ike.post(path, {"reason": "x"}).status == 404
    saved.ada.ok("POST", f"/payments/{request['id']}/approve")
    assert saved.funke.ok("POST", path, {"reason": "found some"})["status"] == "cancelled", "approved, not yet paid"


def test_cash_is_paid_against_the_customers_code(saved):
    request = ask(saved)
    path = f"/payments/{request['id']}"
    assert saved.funke.post(f"{path}/code").code == "payments.wrong_status", "not approved yet"
    saved.ada.ok("POST", f"{path}/approve")
    assert saved.chidi.post(f"{path}/code").status == 403, "the collector must not see it"
    code = saved.funke.ok("POST", f"{path}/code")["code"]
    wrong = "111111" if code != "111111" else "222222"
    assert saved.chidi.post(f"{path}/pay-cash", {"code": wrong}).code == "payments.wrong_code"
    paid = saved.chidi.ok("POST", f"{path}/pay-cash", {"code": code})
    assert (paid["status"], paid["paid_by_id"]) == ("paid", saved.chidi.id)
    assert saved.chidi.post(f"{path}/pay-cash", {"code": code}).code == "payments.wrong_status"
    assert saved.ada.ok("GET", "/reports/four-pots")["agents_cash"] == 5 * DAY - 200_000


def test_a_code_expires_and_a_new_one_replaces_the_old(saved, calendar):
    request = ask(saved)
    path = f"/payments/{request['id']}"
    saved.ada.ok("POST", f"{path}/approve")
    first = saved.funke.ok("POST", f"{path}/code")["code"]
    second = saved.funke.ok("POST", f"{path}/code")["code"]
    if first != second:
        assert saved.chidi.post(f"{path}/pay-cash", {"code": first}).code == "payments.wrong_code"
    calendar.forward(minutes=31)
    assert saved.chidi.post(f"{path}/pay-cash", {"code": second}).code == "payments.wrong_code"


def test_a_code_is_guessed_at_five_times(saved):
    request = ask(saved)
    path = f"/payments/{request['id']}"
    saved.ada.ok("POST", f"{path}/approve")
    code = saved.funke.ok("POST", f"{path}/code")["code"]
    wrong = [number for number in ("000001", "000002", "000003", "000004", "000005", "000006") if number != code]
    answers = [saved.chidi.post(f"{path}/pay-cash", {"code": number}).code for number in wrong[:5]]
    assert answers == ["payments.wrong_code"] * 5
    assert saved.chidi.post(f"{path}/pay-cash", {"code": code}).code == "auth.too_many_attempts"


def test_a_collector_pays_only_what_they_hold_and_the_office_the_rest(saved):
    """Dupe marked nothing, so she holds nothing; an admin pays from the office."""
    account = saved.open_account(saved.hauwa)
    saved.mark(account, by=saved.chidi, days=3)
    request = saved.hauwa.ok("POST", "/payments", {"account_id": account["id"]})
    path = f"/payments/{request['id']}"
    saved.ada.ok("POST", f"{path}/approve")
    code = saved.hauwa.ok("POST", f"{path}/code")["code"]
    refused = saved.dupe.post(f"{path}/pay-cash", {"code": code})
    assert (refused.code, refused["available"]) == ("ledger.insufficient_funds", 0)
    assert saved.bola.ok("POST", f"{path}/pay-cash", {"code": code})["status"] == "paid"
    assert saved.ada.ok("GET", "/reports/four-pots")["business_cash_and_bank"] == -100_000


def test_a_business_may_pay_out_in_full_only(saved):
    saved.ada.ok("PATCH", "/settings", {"partial_payouts": False})
    refused = saved.funke.post("/payments", {"account_id": saved.account["id"], "amount": 100})
    assert (refused.code, refused["available"]) == ("payments.only_in_full", 200_000)
    assert ask(saved)["amount"] == 200_000


def test_a_transfer_waits_for_the_cool_down_and_the_banks_reference_counts_once(saved, calendar):
    account = saved.funke.ok("POST", "/payment-accounts", NUMBER)
    transfer = {"method": "transfer", "payment_account_id": account["id"]}
    first, second = ask(saved, amount=100_000, **transfer), ask(saved, amount=100_000, **transfer)
    assert saved.ada.post(f"/payments/{first['id']}/approve").code == "payments.cooling_down"
    calendar.forward(hours=24, minutes=1)
    for request in (first, second):
        saved.ada.ok("POST", f"/payments/{request['id']}/approve")
    bank = {"bank_reference": "ZEN/2027/0001"}
    assert saved.ada.ok("POST", f"/payments/{first['id']}/pay-transfer", bank)["status"] == "paid"
    refused = saved.ada.post(f"/payments/{second['id']}/pay-transfer", bank)
    assert refused.code == "ledger.duplicate_reference"
    failed = saved.ada.ok("POST", f"/payments/{second['id']}/fail", {"reason": "account closed"})
    assert failed["status"] == "failed"
    assert available(saved) == 100_000


def test_a_transfer_is_paid_only_when_it_is_approved(saved, calendar):
    account, before = saved.funke.ok("POST", "/payment-accounts", NUMBER), available(saved)
    calendar.forward(hours=25)
    wired = ask(saved, amount=1_000, method="transfer", payment_account_id=account["id"])
    path, bank = f"/payments/{wired['id']}", {"bank_reference": "REF-0002"}
    assert saved.ada.post(f"{path}/pay-transfer", bank).code == "payments.wrong_status"
    saved.ada.ok("POST", f"{path}/reject", {"reason": "not hers"})
    assert saved.ada.post(f"{path}/pay-transfer", bank).code == "payments.wrong_status"
    assert available(saved) == before


def test_each_request_is_paid_in_its_own_way(saved, calendar):
    account = saved.funke.ok("POST", "/payment-accounts", NUMBER)
    cash = ask(saved, amount=1_000)
    wired = ask(saved, amount=1_000, method="transfer", payment_account_id=account["id"])
    calendar.forward(hours=25)
    for request in (cash, wired):
        saved.ada.ok("POST", f"/payments/{request['id']}/approve")
    bank = {"bank_reference": "REF-0001"}
    assert saved.ada.post(f"/payments/{cash['id']}/pay-transfer", bank).code == "payments.wrong_method"
    assert saved.ada.post(f"/payments/{cash['id']}/fail", {"reason": "x"}).code == "payments.wrong_method"
    assert saved.funke.post(f"/payments/{wired['id']}/code").code == "payments.wrong_method"
    assert saved.ada.post(f"/payments/{wired['id']}/pay-cash", {"code": "123456"}).code == "payments.wrong_method"


@pytest.mark.parametrize("body", [{"method": "transfer"}, {"method": "cash", "payment_account_id": 1}])
def test_a_transfer_names_an_account_and_cash_none(saved, body):
    assert saved.funke.post("/payments", {"account_id": saved.account["id"]} | body).code == "payments.wrong_method"


def test_nobody_is_paid_to_somebody_elses_account(saved):
    theirs = saved.gbenga.ok("POST", "/payment-accounts", NUMBER)
    body = {"account_id": saved.account["id"], "method": "transfer", "payment_account_id": theirs["id"]}
    assert saved.chidi.post("/payments", body).code == "payments.unknown_account"


def test_payment_accounts_are_checked_listed_and_removed(saved):
    account = saved.funke.ok("POST", "/payment-accounts", NUMBER)
    assert account["nuban"] == "valid"
    assert saved.funke.post("/payment-accounts", NUMBER).code == "payments.account_exists"
    typo = NUMBER | {"account_number": "0000014570"}
    assert saved.funke.post("/payment-accounts", typo).code == "payments.invalid_nuban"
    wallet = {"bank_code": "999992", "account_number": "8012345678", "account_name": "Funke Bello"}
    assert saved.chidi.ok("POST", "/payment-accounts", wallet | {"customer_id": saved.funke.id})["nuban"] == "unchecked"
    assert saved.ike.post("/payment-accounts", wallet | {"customer_id": saved.funke.id}).status == 422
    assert len(saved.chidi.ok("GET", f"/payment-accounts?customer_id={saved.funke.id}")["items"]) == 2
    assert saved.ike.get(f"/payment-accounts/{account['id']}").status == 404
    assert saved.funke.delete(f"/payment-accounts/{account['id']}").status == 204
    assert saved.funke.get(f"/payment-accounts/{account['id']}").status == 404
    saved.funke.ok("POST", "/payment-accounts", NUMBER)


def test_a_completed_account_is_paid_out_when_its_money_is(saved):
    saved.mark(saved.account, days=26)
    request = ask(saved)
    saved.ada.ok("POST", f"/payments/{request['id']}/approve")
    code = saved.funke.ok("POST", f"/payments/{request['id']}/code")["code"]
    saved.chidi.ok("POST", f"/payments/{request['id']}/pay-cash", {"code": code})
    assert saved.card(saved.account)["account"]["state"] == "paid_out"


def test_lists_filter_and_show_what_one_may_see(saved):
    request = ask(saved)
    assert [item["id"] for item in saved.chidi.ok("GET", "/payments?status=requested")["items"]] == [request["id"]]
    assert saved.chidi.ok("GET", "/payments?status=paid")["items"] == []
    assert saved.emeka.ok("GET", "/payments")["items"] == []
    assert saved.ike.ok("GET", f"/payments?customer_id={saved.funke.id}")["items"] == []
    assert "code_hash" not in saved.ada.ok("GET", f"/payments/{request['id']}")
