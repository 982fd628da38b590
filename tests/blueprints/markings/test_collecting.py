"""Marking and reversing over HTTP."""

from datetime import date

import pytest

DAY = 50_000


@pytest.fixture
def march(fresh_cast, calendar):
    """A business on Monday 1 March 2027 whose customer Funke has a card."""
    calendar.to(date(2027, 3, 1))
    fresh_cast.account = fresh_cast.open_account(fresh_cast.funke)
    fresh_cast.path = f"/savings/{fresh_cast.account['id']}/markings"
    return fresh_cast


def test_cash_is_the_default_and_needs_nothing_else(march):
    receipt = march.chidi.ok("POST", march.path)
    assert receipt["amount"] == DAY
    [collection] = march.ada.ok("GET", "/collections")["items"]
    assert (collection["method"], collection["collector_id"]) == ("cash", march.chidi.id)


def test_days_dates_and_amount_exclude_each_other(march):
    refused = march.chidi.post(march.path, {"days": 1, "amount": 5})
    assert set(refused["errors"]) == {"days", "amount"}


def test_paying_for_yesterday_today_and_in_advance(march, calendar):
    calendar.forward(days=2)
    receipt = march.mark(march.account, dates=["2027-03-02", "2027-03-31"], collected_on="2027-03-02")
    assert [slot["date"] for slot in receipt["slots"]] == ["2027-03-02", "2027-03-31"]
    assert receipt["collected_on"] == "2027-03-02"


def test_a_paid_day_cannot_be_paid_again(march):
    """The predecessor swallowed the second payment."""
    march.mark(march.account, dates=["2027-03-05"])
    assert march.chidi.post(march.path, {"dates": ["2027-03-05"]}).code == "markings.slot_taken"
    assert march.chidi.post(march.path, {"dates": ["2027-05-05"]}).code == "markings.not_a_slot"


def test_the_business_day_is_in_lagos_by_the_databases_clock(march, calendar):
    calendar.to(date(2027, 3, 31))
    calendar.forward(hours=11, minutes=30)  # 23:30 in Lagos
    assert march.mark(march.account)["collected_on"] == "2027-03-31"
    calendar.forward(hours=1)
    assert march.mark(march.account)["collected_on"] == "2027-04-01"


def test_the_devices_clock_is_evidence_only(march):
    receipt = march.mark(march.account, client_time="2031-01-01T00:00:00+01:00")
    assert receipt["collected_on"] == "2027-03-01"


def test_back_dating_needs_an_admin_beyond_some_days_and_the_future_nobody(march, calendar):
    calendar.forward(days=6)
    assert march.chidi.post(march.path, {"collected_on": "2027-03-03"}).code == "markings.too_far_back"
    assert march.ada.post(march.path, {"collected_on": "2027-03-03"}).status == 201
    assert march.chidi.post(march.path, {"collected_on": "2027-03-04"}).status == 201
    assert march.ada.post(march.path, {"collected_on": "2027-03-08"}).code == "markings.in_the_future"


@pytest.mark.parametrize(
    ("who", "status"), [("chidi", 201), ("ada", 201), ("dupe", 404), ("emeka", 404), ("funke", 403), ("ike", 403)]
)
def test_who_may_mark(march, who, status):
    assert getattr(march, who).post(march.path).status == status


def test_a_parent_agent_marks_for_the_sub_agents_customer(march):
    account = march.open_account(march.hauwa)
    march.mark(account, by=march.dupe)
    march.mark(account, by=march.chidi)
    assert march.emeka.post(f"/savings/{account['id']}/markings").status == 404


def test_credit_is_kept_and_used_first(march):
    assert march.mark(march.account, amount=70_000)["credit"] == 20_000
    assert march.mark(march.account)["amount"] == 30_000
    assert march.mark(march.account, amount=10)["credit"] == 10
    assert march.card(march.account)["totals"]["balance"] == 70_000 + 30_000 + 10 - DAY


def test_credit_can_pay_a_whole_day_without_cash(march):
    march.mark(march.account, amount=90_000)
    march.chidi.ok("POST", f"/savings/{march.account['id']}/terms", {"contribution": 30_000})
    receipt = march.mark(march.account)
    assert (receipt["amount"], receipt["credit"], len(receipt["slots"])) == (0, 10_000, 1)
    collection = f"/collections/{receipt['collection_id']}/reversal"
    march.chidi.ok("POST", collection, {"reason": "not today"})
    assert march.card(march.account)["totals"]["credit"] == 40_000


def test_more_than_is_open_is_refused_with_what_is(march):
    refused = march.chidi.post(march.path, {"amount": 31 * DAY + 1})
    assert (refused.code, refused["payable"]) == ("markings.beyond_plan", 31 * DAY)


def test_a_dry_run_answers_and_keeps_nothing(march):
    rehearsed = march.chidi.post(f"{march.path}?dry_run=true", {"days": 2})
    assert (rehearsed.status, rehearsed.headers["Dry-Run"], rehearsed["amount"]) == (200, "true", 2 * DAY)
    assert march.card(march.account)["totals"]["slots_paid"] == 0
    assert march.ada.ok("GET", "/collections")["items"] == []
    assert march.chidi.post(f"{march.path}?dry_run=maybe").status == 422


def test_the_recorder_reverses_within_minutes_and_an_admin_always(march, calendar):
    receipt = march.mark(march.account)
    path = f"/collections/{receipt['collection_id']}/reversal"
    assert march.emeka.post(path, {"reason": "x"}).status == 404
    assert march.funke.post(path, {"reason": "x"}).status == 403
    calendar.forward(minutes=16)
    assert march.chidi.post(path, {"reason": "x"}).code == "markings.reversal_closed"
    assert march.ada.post(path, {}).status == 422, "a reason is needed"
    reversed_ = march.ada.ok("POST", path, {"reason": "wrong card"})
    assert (reversed_["reversal_reason"], reversed_["reversed_by_id"]) == ("wrong card", march.ada.id)
    assert march.ada.post(path, {"reason": "again"}).code == "ledger.already_reversed"
    assert march.card(march.account)["totals"]["balance"] == 0


def test_another_collector_cannot_reverse_what_he_did_not_record(march):
    account = march.open_account(march.hauwa)
    receipt = march.mark(account, by=march.dupe)
    path = f"/collections/{receipt['collection_id']}/reversal"
    assert march.chidi.post(path, {"reason": "x"}).code == "markings.reversal_closed"


def test_money_that_was_taken_out_cannot_be_reversed(march):
    receipt = march.mark(march.account, days=5)
    march.funke.ok("POST", "/payments", {"account_id": march.account["id"]})
    refused = march.chidi.post(f"/collections/{receipt['collection_id']}/reversal", {"reason": "x"})
    assert refused.code == "ledger.insufficient_funds"
    assert march.card(march.account)["totals"]["slots_paid"] == 5


def test_credit_that_paid_for_later_days_holds_its_collection(march):
    first = march.mark(march.account, amount=70_000)
    march.mark(march.account)
    refused = march.chidi.post(f"/collections/{first['collection_id']}/reversal", {"reason": "x"})
    assert refused.code == "markings.credit_used"


def test_the_route_shows_the_collectors_day(march, calendar):
    gbenga, hauwa = march.open_account(march.gbenga), march.open_account(march.hauwa)
    march.mark(gbenga, days=2)
    calendar.forward(days=1)

    def stops(person, query=""):
        return {stop["account_id"]: stop["status"] for stop in person.ok("GET", f"/route{query}")["items"]}

    assert stops(march.chidi) == {march.account["id"]: "due", gbenga["id"]: "paid"}
    assert stops(march.dupe) == {hauwa["id"]: "due"}
    assert stops(march.chidi, f"?collector_id={march.dupe.id}") == {hauwa["id"]: "due"}
    assert stops(march.ada).keys() == {march.account["id"], gbenga["id"], hauwa["id"]}
    assert stops(march.emeka, f"?collector_id={march.chidi.id}") == {}
    march.mark(march.account, dates=["2027-03-02"])
    [stop] = [stop for stop in march.chidi.ok("GET", "/route")["items"] if stop["account_id"] == march.account["id"]]
    assert (stop["status"], stop["missed"], stop["amount_due"]) == ("missed", 1, DAY)


def test_collections_filter_by_account_collector_and_day(march):
    other = march.open_account(march.hauwa)
    mine, hers = march.mark(march.account), march.mark(other, by=march.dupe)

    def found(query):
        return [item["id"] for item in march.ada.ok("GET", f"/collections?{query}")["items"]]

    assert found("") == [hers["collection_id"], mine["collection_id"]]
    assert found(f"account_id={other['id']}") == [hers["collection_id"]]
    assert found(f"collector_id={march.chidi.id}") == [mine["collection_id"]]
    assert found("collected_on=2027-03-02") == []
    assert march.hauwa.get(f"/collections/{mine['collection_id']}").status == 404


def test_a_card_whose_days_are_all_paid_stays_completed_when_credit_is_taken_back(fresh_cast):
    """The credit was on its way out when the last day was paid, and came back with the request."""
    fresh_cast.ada.ok("PATCH", "/settings", {"cycle_days": 2})
    account = fresh_cast.open_account(fresh_cast.funke, contribution=50_000)
    fresh_cast.mark(account, days=1)
    only_credit = fresh_cast.mark(account, amount=30_000)
    request = fresh_cast.funke.ok("POST", "/payments", {"account_id": account["id"]})
    assert fresh_cast.mark(account)["state"] == "completed"
    fresh_cast.ada.ok("POST", f"/payments/{request['id']}/reject", {"reason": "not today"})
    fresh_cast.ada.ok("POST", f"/collections/{only_credit['collection_id']}/reversal", {"reason": "wrong card"})
    card = fresh_cast.card(account)
    assert (card["account"]["state"], card["totals"]["slots_paid"]) == ("completed", 2)
