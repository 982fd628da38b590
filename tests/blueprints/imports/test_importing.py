"""What comes of the rows of a file: customers, cards that go on where they stood, and money in its pot."""

from datetime import timedelta

import pytest

from tests.cast import new_phone, today
from tests.concurrency.race import assert_adds_up, balance, rows, scalar
from tests.sheets import account_of, bring, row, send, sheet

TWELVE_DAYS_AGO = str(today() - timedelta(days=12))


@pytest.fixture
def half_full(cast) -> dict:
    """A row of a card of 31 days, 12 of them paid, the first of which was the commission."""
    terms = {"days_paid": 12, "opening_balance": 550_000, "held_in": "agent_cash", "start": TWELVE_DAYS_AGO}
    return row(cast.chidi, **terms)


def test_a_card_goes_on_where_it_stood(cast, half_full):
    report = bring(cast, half_full)
    counted = {"rows": 1, "customers": 1, "accounts": 1, "days_paid": 12, "opening_balances": 550_000}
    assert {name: report[name] for name in counted} == counted
    assert report["opening_balances_shown"] == "NGN 5,500.00"
    account = account_of(cast, half_full)
    assert (account["state"], account["slots_paid"], account["balance"]) == ("in_progress", 12, 550_000)
    totals = cast.card(account)["totals"]
    assert (totals["slots"], totals["slots_paid"], totals["slots_missed"], totals["available"]) == (31, 12, 0, 550_000)
    receipt = cast.mark(account, days=2)
    assert (receipt["amount"], receipt["commission"], receipt["balance"]) == (100_000, 0, 650_000)
    assert receipt["slots"][0]["date"] == str(today())
    assert_adds_up(cast.app)


def test_the_next_cycle_earns_its_commission_here(cast):
    one = row(cast.chidi, days_paid=2, cycle_days=2, cycles=2, opening_balance=50_000, held_in="bank")
    bring(cast, one)
    receipt = cast.mark(account_of(cast, one), days=1)
    assert (receipt["commission"], receipt["balance"]) == (50_000, 50_000)
    assert_adds_up(cast.app)


def test_commission_at_the_cycles_end_counts_the_days_paid_before(fresh_cast):
    cast = fresh_cast
    policy = {"commission_kind": "percent", "commission_value": 1_000, "commission_earned": "cycle_end"}
    cast.ada.ok("PATCH", "/settings", policy)
    terms = {"days_paid": 3, "cycle_days": 4, "held_in": "bank"}
    short = send(cast.ada, sheet(row(cast.chidi, opening_balance=14_999, **terms)))
    assert [fault["code"] for fault in short["faults"]] == ["imports.commission_not_covered"]
    one = row(cast.chidi, opening_balance=150_000, **terms)
    bring(cast, one)
    assert cast.card(account_of(cast, one))["totals"]["available"] == 135_000
    receipt = cast.mark(account_of(cast, one))
    assert (receipt["commission"], receipt["balance"], receipt["state"]) == (20_000, 180_000, "completed")
    assert_adds_up(cast.app)


def test_the_money_is_in_the_pot_that_the_row_names(cast):
    before = cast.ada.ok("GET", "/reports/four-pots")
    pots = {"agent_cash": 1, "business_cash": 20, "bank": 300}
    bring(cast, *(row(cast.emeka, opening_balance=amount, held_in=pot) for pot, amount in pots.items()))
    after = cast.ada.ok("GET", "/reports/four-pots")
    grown = {name: after[name] - before[name] for name in after if name != "currency"}
    assert {name: amount for name, amount in grown.items() if amount} == {
        "customer_liabilities": 321,
        "covered": 321,
        "business_cash_and_bank": 320,
        "agents_cash": 1,
    }
    assert balance(cast.app, cast.business_id, "agent_cash", cast.emeka.id) == -1
    assert balance(cast.app, cast.business_id, "opening_balances") == 0
    assert_adds_up(cast.app)


def test_what_is_more_than_one_act_may_move_comes_in_parts(fresh_cast):
    most = 10**11
    bring(fresh_cast, *(row(fresh_cast.chidi, opening_balance=most, held_in="bank") for _ in range(2)))
    assert balance(fresh_cast.app, fresh_cast.business_id, "bank") == -2 * most
    assert_adds_up(fresh_cast.app)


def test_an_opening_balance_is_the_customers_to_take_out(cast):
    one = row(cast.chidi, opening_balance=70_000, held_in="business_cash")
    bring(cast, one)
    account = account_of(cast, one)
    asked = cast.chidi.ok("POST", "/payments", {"account_id": account["id"]})
    assert asked["amount"] == 70_000
    cast.ada.ok("POST", f"/payments/{asked['id']}/approve")
    assert_adds_up(cast.app)


def test_imported_accounts_are_in_every_list(fresh_cast, half_full):
    cast = fresh_cast
    half_full |= {"agent": cast.chidi.phone, "customer_name": "=HYPERLINK(1)"}
    late = row(cast.chidi, start=TWELVE_DAYS_AGO, days_paid=2, opening_balance=1, held_in="bank")
    bring(cast, half_full, late)
    account, missed = account_of(cast, half_full), account_of(cast, late)
    chidi, ada = cast.chidi, cast.ada
    stops = {stop["account_id"]: stop for stop in chidi.ok("GET", "/route")["items"]}
    assert (stops[account["id"]]["missed"], stops[missed["id"]]["missed"]) == (0, 10)
    arrears = chidi.ok("GET", "/reports/arrears")["items"]
    assert [(one["account_id"], one["missed"]) for one in arrears] == [(missed["id"], 10)]
    assert chidi.ok("GET", "/reports/dormant?days=1")["items"] == []
    found = chidi.ok("GET", "/search", query_string={"q": half_full["phone"]})["items"]
    assert [hit["full_name"] for hit in found] == ["=HYPERLINK(1)"]
    statement = ada.ok("GET", f"/savings/{account['id']}/statement")
    [line] = statement["items"]
    assert (line["kind"], line["amount"], line["counterpart"]) == (
        "import.opening_balance",
        550_000,
        "opening_balances",
    )
    exported = cast.app.test_client().post(
        "/api/v1/exports/customers.csv", json={}, headers={"Authorization": f"Bearer {ada.token}"}
    )
    assert f"'=HYPERLINK(1),'{half_full['phone']},invited" in exported.get_data(as_text=True)
    assert chidi.ok("GET", "/collections")["items"] == []
    assert ada.ok("GET", "/dashboard")["collected_today"]["amount"] == 0
    assert cast.emeka.ok("GET", "/savings")["items"] == []


def test_nobody_is_told_and_the_import_is_one_audit_row(cast, half_full):
    events = "SELECT action FROM audit_events WHERE business_id = :b ORDER BY id"
    told = "SELECT count(*) FROM outbox WHERE business_id = :b"
    before, waiting = rows(cast.app, events, b=cast.business_id), scalar(cast.app, told, b=cast.business_id)
    report = bring(cast, half_full, row(cast.dupe))
    after = rows(cast.app, events, b=cast.business_id)
    assert [one["action"] for one in after[len(before) :]] == ["imports.made"]
    assert scalar(cast.app, told, b=cast.business_id) == waiting
    newest = cast.ada.ok("GET", "/imports")["items"][0]
    assert (newest["id"], newest["accounts"], newest["membership_id"]) == (report["import_id"], 2, cast.ada.id)


def test_rows_with_one_phone_are_one_customer_with_several_accounts(cast):
    phone = new_phone()
    same = {"phone": phone, "customer_name": "Two Cards"}
    first, second = row(cast.chidi, **same), row(cast.chidi, **same | {"phone": f"0{phone[4:]}"})
    report = bring(cast, first, second)
    assert (report["customers"], report["accounts"]) == (1, 2)
    assert account_of(cast, first)["customer_id"] == account_of(cast, second)["customer_id"]


def test_somebody_who_saves_elsewhere_keeps_their_login_and_tells_nothing(cast, fresh_cast):
    """One person, one login; the business learns neither that nor what they are called there."""
    one = row(fresh_cast.chidi, phone=cast.funke.phone, customer_name="Mama Funke")
    bring(fresh_cast, one)
    member_id = account_of(fresh_cast, one)["customer_id"]
    assert fresh_cast.ada.ok("GET", f"/members/{member_id}")["full_name"] == "Mama Funke"
    user = "SELECT user_id FROM memberships WHERE business_id = :b AND id = :id"
    assert scalar(cast.app, user, b=fresh_cast.business_id, id=member_id) == cast.funke.user_id
    assert cast.funke.ok("GET", "/auth/me")["full_name"] != "Mama Funke"


def test_an_imported_customer_can_be_invited_later(cast):
    one = row(cast.chidi)
    bring(cast, one)
    member_id = account_of(cast, one)["customer_id"]
    invited = cast.ada.ok("POST", f"/members/{member_id}/invitation")
    assert invited["invitation_token"]


@pytest.mark.parametrize("login", ["username", "phone", "email"])
def test_an_agent_is_named_by_what_they_sign_in_with(cast, login):
    agent = cast.join("agent", "Named Agent")
    name = f"named.{agent.id}"
    change = {"username": name, "email": f"{name}@example.com"}
    with cast.app.app_context():
        from ofektom.extensions import db
        from ofektom.identity import User

        db.session.execute(db.update(User).where(User.id == agent.user_id).values(**change))
        db.session.commit()
    known = change | {"phone": f"0{agent.phone[4:]}"}
    one = row(known[login].upper())
    bring(cast, one)
    assert account_of(cast, one)["collector_id"] == agent.id
