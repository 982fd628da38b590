"""Golden cases of commission: what a business has agreed with its collectors, to the kobo."""

from datetime import date, timedelta

import pytest

DAY = 50_000  # kobo


@pytest.fixture
def business(fresh_cast, calendar):
    """A business whose cycles are calendar months, and a clock."""
    fresh_cast.ada.ok("PATCH", "/settings", {"cycle_kind": "calendar_month"})
    return fresh_cast


def commissions(cast, account) -> list[tuple[int, int, str]]:
    """(cycle, amount, status) of every commission of an account, oldest first."""
    items = cast.ada.ok("GET", f"/commissions?account_id={account['id']}")["items"]
    return [(item["cycle"], item["agent_amount"] + item["business_amount"], item["status"]) for item in items[::-1]]


def start(cast, calendar, day: date, **terms) -> dict:
    """An account that starts on `day`, which is today."""
    calendar.to(day)
    return cast.open_account(cast.funke, contribution=DAY, **terms)


@pytest.mark.parametrize(
    ("first", "days"),
    [(date(2027, 2, 1), 28), (date(2028, 2, 1), 29), (date(2027, 4, 1), 30), (date(2027, 1, 1), 31)],
)
def test_a_month_costs_one_day(business, calendar, first, days):
    account = start(business, calendar, first)
    receipt = business.mark(account, days=days)
    assert (receipt["state"], receipt["commission"], receipt["balance"]) == ("completed", DAY, (days - 1) * DAY)
    assert commissions(business, account) == [(1, DAY, "earned")]


@pytest.mark.parametrize("marks", [1, 12, 31])
def test_stopping_early_costs_one_day_too(business, calendar, marks):
    account = start(business, calendar, date(2027, 1, 1))
    business.mark(account, days=marks)
    if marks < 31:
        business.ada.ok("POST", f"/savings/{account['id']}/end", {"reason": "moves away"})
    assert commissions(business, account) == [(1, DAY, "earned")]
    assert business.card(account)["totals"]["available"] == (marks - 1) * DAY


def test_stopping_before_the_first_mark_costs_nothing(business, calendar):
    account = start(business, calendar, date(2027, 1, 1))
    business.ada.ok("POST", f"/savings/{account['id']}/end", {"reason": "never came"})
    assert commissions(business, account) == []


def test_two_cycles_cost_two_days(business, calendar):
    account = start(business, calendar, date(2027, 1, 1), cycles=2)
    business.mark(account, days=31)
    assert commissions(business, account) == [(1, DAY, "earned")]
    business.mark(account, days=28)
    assert commissions(business, account) == [(1, DAY, "earned"), (2, DAY, "earned")]


def test_a_reversal_gives_the_commission_back_and_a_new_mark_takes_it_once(business, calendar):
    account = start(business, calendar, date(2027, 1, 1))
    receipt = business.mark(account)
    business.chidi.ok("POST", f"/collections/{receipt['collection_id']}/reversal", {"reason": "wrong card"})
    assert commissions(business, account) == [(1, DAY, "clawed_back")]
    assert business.card(account)["account"]["state"] == "not_started"
    business.mark(account, days=3)
    assert commissions(business, account) == [(1, DAY, "clawed_back"), (1, DAY, "earned")]
    assert business.card(account)["totals"]["balance"] == 2 * DAY


def test_reversing_one_of_two_marks_of_a_cycle_keeps_its_commission(business, calendar):
    account = start(business, calendar, date(2027, 1, 1))
    business.mark(account)
    second = business.mark(account)
    business.chidi.ok("POST", f"/collections/{second['collection_id']}/reversal", {"reason": "wrong card"})
    assert commissions(business, account) == [(1, DAY, "earned")]


def test_cycle_end_takes_it_when_the_month_is_paid_and_reserves_it_before(business, calendar):
    business.ada.ok("PATCH", "/settings", {"commission_earned": "cycle_end"})
    account = start(business, calendar, date(2027, 2, 1))
    business.mark(account, days=27)
    assert commissions(business, account) == []
    assert business.card(account)["totals"]["available"] == 26 * DAY
    refused = business.funke.post("/payments", {"account_id": account["id"], "amount": 27 * DAY})
    assert (refused.code, refused["available"]) == ("payments.not_available", 26 * DAY)
    business.mark(account)
    assert commissions(business, account) == [(1, DAY, "earned")]


def test_cycle_end_takes_it_on_the_first_act_after_the_month(business, calendar):
    business.ada.ok("PATCH", "/settings", {"commission_earned": "cycle_end"})
    account = start(business, calendar, date(2027, 2, 1), cycles=2)
    business.mark(account, days=5)
    calendar.forward(days=28)
    business.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": DAY})
    assert commissions(business, account) == [(1, DAY, "earned")]


def test_a_percentage_is_of_what_was_paid_up_to_the_cap(business, calendar):
    policy = {"commission_kind": "percent", "commission_value": 500, "commission_earned": "cycle_end"}
    business.ada.ok("PATCH", "/settings", policy | {"commission_cap": 60_000})
    capped = start(business, calendar, date(2027, 2, 1))
    business.mark(capped, days=28)
    assert commissions(business, capped) == [(1, 60_000, "earned")], "5 % of 14 000 naira is 700"
    stopped = start(business, calendar, date(2027, 2, 1))
    business.mark(stopped, days=10)
    business.ada.ok("POST", f"/savings/{stopped['id']}/end", {"reason": "moves away"})
    assert commissions(business, stopped) == [(1, 25_000, "earned")]


def test_a_percentage_at_the_first_mark_is_refused_as_a_contradiction(business):
    refused = business.ada.patch("/settings", {"commission_kind": "percent", "commission_value": 500})
    assert (refused.status, refused.code) == (422, "settings.contradictory_policy")


def test_a_flat_commission_cannot_exceed_the_first_contribution(business, calendar):
    business.ada.ok("PATCH", "/settings", {"commission_kind": "flat", "commission_value": DAY + 1})
    refused = business.ada.post("/savings", {"kind": "daily", "contribution": DAY, "customer_id": business.funke.id})
    assert refused.code == "commissions.larger_than_contribution"


def test_a_change_of_policy_leaves_the_cards_that_are_out(business, calendar):
    account = start(business, calendar, date(2027, 1, 1))
    business.ada.ok("PATCH", "/settings", {"commission_kind": "flat", "commission_value": 1})
    assert business.mark(account)["commission"] == DAY


def test_the_customers_collector_earns_it_whoever_marks(business, calendar):
    account = start(business, calendar, date(2027, 1, 1))
    business.mark(account, by=business.ada)
    [item] = business.ada.ok("GET", f"/commissions?account_id={account['id']}")["items"]
    assert item["agent_id"] == business.chidi.id


def test_a_card_of_31_boxes_costs_one_day_for_31_boxes(fresh_cast, calendar):
    calendar.to(date(2027, 1, 1))
    account = fresh_cast.open_account(fresh_cast.funke, contribution=DAY, weekdays=[1, 2, 3, 4, 5, 6], cycles=2)
    fresh_cast.mark(account, days=31)
    assert commissions(fresh_cast, account) == [(1, DAY, "earned")]
    last = date.fromisoformat(fresh_cast.card(account)["slots"][30]["date"])
    assert last == date(2027, 1, 1) + timedelta(days=35), "31 boxes without Sundays"


def test_a_smaller_contribution_must_still_cover_the_flat_commission(business, calendar):
    business.ada.ok("PATCH", "/settings", {"commission_kind": "flat", "commission_value": 40_000})
    account = start(business, calendar, date(2027, 1, 1))
    refused = business.chidi.post(f"/savings/{account['id']}/terms", {"contribution": 39_999})
    assert refused.code == "commissions.larger_than_contribution"
    business.chidi.ok("POST", f"/savings/{account['id']}/terms", {"contribution": 40_000})


def test_late_payments_count_towards_a_percentage(business, calendar):
    """Otherwise one kobo asked for after the month would settle the month at what was paid by then."""
    policy = {"commission_kind": "percent", "commission_value": 1_000, "commission_earned": "cycle_end"}
    business.ada.ok("PATCH", "/settings", policy | {"cycle_kind": "days", "cycle_days": 4})
    account = start(business, calendar, date(2027, 1, 1), cycles=2)
    business.mark(account)
    calendar.forward(days=10)
    business.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 1})
    assert commissions(business, account) == []
    business.mark(account, days=3)
    assert commissions(business, account) == [(1, 4 * DAY // 10, "earned")]


def test_credit_that_was_taken_out_pays_for_no_day(business, calendar):
    business.ada.ok("PATCH", "/settings", {"cycle_kind": "days", "cycle_days": 2})
    account = start(business, calendar, date(2027, 1, 1), cycles=3)
    business.mark(account, days=2)
    business.mark(account, amount=40_000)
    request = business.funke.ok("POST", "/payments", {"account_id": account["id"]})
    assert (request["amount"], business.card(account)["totals"]["credit"]) == (90_000, 0)
    business.ada.ok("POST", f"/payments/{request['id']}/reject", {"reason": "not today"})
    assert business.card(account)["totals"]["credit"] == 40_000
    again = business.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 60_000})
    assert business.card(account)["totals"]["credit"] == 30_000, "what is left of it"
    business.ada.ok("POST", f"/payments/{again['id']}/approve")
    receipt = business.mark(account)
    assert (receipt["amount"], receipt["commission"], receipt["balance"]) == (20_000, DAY, 0)


def test_a_reversal_leaves_what_started_cycles_will_owe(business, calendar):
    business.ada.ok("PATCH", "/settings", {"commission_earned": "cycle_end", "cycle_kind": "days", "cycle_days": 3})
    account = start(business, calendar, date(2027, 1, 1), cycles=2)
    first = business.mark(account, days=3)
    business.mark(account)
    business.funke.ok("POST", "/payments", {"account_id": account["id"]})
    refused = business.chidi.post(f"/collections/{first['collection_id']}/reversal", {"reason": "wrong card"})
    assert refused.code == "ledger.insufficient_funds"
    business.ada.ok("POST", f"/savings/{account['id']}/end", {"reason": "moves away"})


def reverse(cast, receipt) -> object:
    """An admin takes a collection back."""
    return cast.ada.post(f"/collections/{receipt['collection_id']}/reversal", {"reason": "wrong card"})


def test_a_reversal_leaves_the_money_behind_the_credit(business, calendar):
    business.ada.ok("PATCH", "/settings", {"cycle_kind": "days", "cycle_days": 3, "commission_earned": "cycle_end"})
    account = start(business, calendar, date(2027, 1, 1), cycles=3)
    receipts = [business.mark(account) for _ in range(3)]
    business.mark(account, amount=40_000)
    business.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 90_000})
    assert reverse(business, receipts[2]).code == "ledger.insufficient_funds"
    business.mark(account)
    business.ada.ok("POST", f"/savings/{account['id']}/end", {"reason": "moves away"})


def test_an_earned_commission_stays_with_its_collector(business, calendar):
    business.ada.ok("PATCH", "/settings", {"cycle_kind": "days", "cycle_days": 3, "commission_earned": "cycle_end"})
    account = start(business, calendar, date(2027, 1, 1), cycles=3)
    business.mark(account)
    second = business.mark(account)
    calendar.forward(days=4)
    business.mark(account, dates=["2027-01-05"])
    business.ada.ok("POST", f"/members/{business.chidi.id}/hand-over", {"to_member_id": business.emeka.id})
    assert reverse(business, second).status == 200
    statements = [
        business.ada.ok("GET", f"/commissions/agents/{agent.id}/statement")["balance"]
        for agent in (business.chidi, business.emeka)
    ]
    assert statements == [DAY, 0]


def test_what_is_reckoned_anew_stays_with_who_had_it_and_within_what_was_paid(business, calendar):
    """The cycle's first mark was a mistake on a day ten times as dear."""
    business.ada.ok("PATCH", "/settings", {"cycle_kind": "days", "cycle_days": 5})
    account = start(business, calendar, date(2027, 1, 1), cycles=2)
    dear = {"contribution": 10 * DAY, "effective_from": "2027-01-04"}
    business.chidi.ok("POST", f"/savings/{account['id']}/terms", dear)
    mistake = business.mark(account, dates=["2027-01-04"])
    assert mistake["commission"] == 10 * DAY
    business.mark(account)
    business.mark(account, dates=["2027-01-06", "2027-01-07"])
    business.ada.ok("POST", f"/members/{business.chidi.id}/hand-over", {"to_member_id": business.emeka.id})
    assert reverse(business, mistake).status == 200
    assert commissions(business, account)[-1] == (1, DAY, "earned")
    [latest, *_] = business.ada.ok("GET", f"/commissions?account_id={account['id']}")["items"]
    assert latest["agent_id"] == business.chidi.id


def test_days_that_later_terms_put_between_belong_to_a_cycle_that_is_not_full(business, calendar):
    policy = {"commission_kind": "percent", "commission_value": 1_000, "commission_earned": "cycle_end"}
    business.ada.ok("PATCH", "/settings", policy | {"cycle_kind": "days", "cycle_days": 5})
    account = start(business, calendar, date(2027, 1, 6), cycles=2, weekdays=[1, 2, 3, 4, 5])
    business.mark(account, days=5)
    business.chidi.ok("POST", f"/savings/{account['id']}/terms", {"weekdays": [1, 2, 3, 4, 5, 6, 7]})
    business.mark(account, days=5)
    assert commissions(business, account) == [(1, DAY // 2, "earned"), (2, DAY // 2, "earned")]


def test_a_target_is_completed_by_its_money_not_by_holidays(business, calendar):
    plan = {"kind": "target", "target_amount": 70_000, "end_date": "2027-01-03"}
    calendar.to(date(2027, 1, 1))
    account = business.open_account(business.funke, contribution=None, **plan)
    business.ada.ok("POST", "/settings/holidays", {"day": "2027-01-03", "name": "Feast"})
    business.mark(account, days=1)
    business.ada.ok("POST", "/settings/holidays", {"day": "2027-01-02", "name": "Feast"})
    assert business.card(account)["account"]["state"] == "in_progress"
    business.chidi.ok("POST", f"/savings/{account['id']}/extend", {"end_date": "2027-01-05"})
    assert business.mark(account, days=2)["state"] == "completed"
