"""Savings accounts over HTTP: opening, looking, and the acts of their life."""

from datetime import date

import pytest

DAY = 50_000
START = date(2027, 3, 1)


@pytest.fixture
def march(fresh_cast, calendar):
    """A business on Monday 1 March 2027."""
    calendar.to(START)
    return fresh_cast


def test_a_preview_tells_what_a_plan_comes_to_and_stores_nothing(march):
    outline = march.chidi.ok("POST", "/savings/preview", {"kind": "daily", "contribution": DAY, "cycles": 2})
    assert outline == {
        "currency": "NGN",
        "contribution": DAY,
        "slots": 62,
        "cycles": 2,
        "first_day": "2027-03-01",
        "last_day": "2027-05-01",
        "last_amount": DAY,
        "total": 62 * DAY,
        "commission": 2 * DAY,
        "payout": 60 * DAY,
    }
    assert march.ada.ok("GET", "/savings")["items"] == []


def test_a_target_plan_says_what_each_day_costs(march):
    plan = {"kind": "target", "target_amount": 10_000_000, "end_date": "2027-03-30", "weekdays": [1, 2, 3, 4, 5, 6]}
    outline = march.chidi.ok("POST", "/savings/preview", plan)
    assert (outline["slots"], outline["contribution"], outline["total"]) == (26, 384_616, 10_000_000)
    assert outline["last_amount"] == 10_000_000 - 25 * 384_616


def test_an_account_has_a_ten_digit_number_and_finds_itself_by_it(march):
    account = march.open_account(march.funke, by=march.chidi, label="School fees")
    assert len(account["tracking_number"]) == 10
    assert (account["state"], account["label"], account["collector_id"]) == (
        "not_started",
        "School fees",
        march.chidi.id,
    )
    found = march.funke.ok("GET", f"/savings?tracking_number={account['tracking_number']}")["items"]
    assert [item["id"] for item in found] == [account["id"]]


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"kind": "daily"}, "contribution"),
        ({"kind": "daily", "contribution": 1, "target_amount": 5}, "target_amount"),
        ({"kind": "target", "target_amount": 5}, "end_date"),
        ({"kind": "daily", "contribution": 0}, "contribution"),
        ({"kind": "daily", "contribution": 10**11 + 1}, "contribution"),
        ({"kind": "weekly", "contribution": 5}, "kind"),
    ],
)
def test_terms_that_do_not_go_together_are_refused_by_field(march, plan, field):
    refused = march.chidi.post("/savings/preview", plan)
    assert refused.status == 422
    assert field in refused["errors"]


@pytest.mark.parametrize(
    "plan",
    [
        {"kind": "target", "target_amount": 5, "end_date": "2027-02-28"},
        {"kind": "daily", "contribution": 5, "cycles": 120},
        {"kind": "daily", "contribution": 5, "start": "2027-02-25"},
        {"kind": "daily", "contribution": 5, "start": "2029-01-01"},
    ],
)
def test_plans_that_cannot_be_are_refused(march, plan):
    assert march.chidi.post("/savings/preview", plan).code == "savings.invalid_plan"


def test_an_admin_may_begin_a_card_in_the_past(march):
    account = march.open_account(march.funke, start="2027-02-01")
    assert march.card(account)["totals"]["slots_missed"] == 28


@pytest.mark.parametrize("who", ["ike", "dupe", "nobody"])
def test_only_a_customer_in_sight_can_save(march, who):
    customer_id = 10**12 if who == "nobody" else getattr(march, who).id
    body = {"kind": "daily", "contribution": DAY, "customer_id": customer_id}
    assert march.chidi.post("/savings", body).code == "savings.not_a_customer"


def test_a_deactivated_customer_neither_opens_nor_pays(march):
    account = march.open_account(march.funke)
    march.ada.ok("POST", f"/members/{march.funke.id}/deactivate", {"reason": "moved"})
    body = {"kind": "daily", "contribution": DAY, "customer_id": march.funke.id}
    assert march.ada.post("/savings", body).code == "savings.not_a_customer"
    assert march.chidi.post(f"/savings/{account['id']}/markings", {}).code == "savings.not_a_customer"


def test_lists_filter_by_customer_collector_state_and_kind(march):
    funke, hauwa, ike = (march.open_account(person) for person in (march.funke, march.hauwa, march.ike))
    march.mark(funke)

    def found(query, by=None):
        return [item["id"] for item in (by or march.ada).ok("GET", f"/savings?{query}")["items"]]

    assert found("") == [funke["id"], hauwa["id"], ike["id"]]
    assert found("state=in_progress") == [funke["id"]]
    assert found(f"collector_id={march.dupe.id}") == [hauwa["id"]]
    assert found(f"customer_id={march.ike.id}") == [ike["id"]]
    assert found("kind=target") == []
    assert found("", by=march.chidi) == [funke["id"], hauwa["id"]], "his own and his sub-agent's"
    assert found("", by=march.dupe) == [hauwa["id"]]
    assert found("", by=march.ike) == [ike["id"]]
    assert found(f"customer_id={march.ike.id}", by=march.chidi) == []


def test_the_card_shows_paid_due_missed_and_open(march, calendar):
    account = march.open_account(march.funke)
    march.mark(account)
    calendar.forward(days=2)
    card = march.funke.ok("GET", f"/savings/{account['id']}/card")
    assert [slot["status"] for slot in card["slots"][:4]] == ["paid", "missed", "due", "open"]
    assert card["today"] == "2027-03-03"
    assert card["totals"] == {
        "slots": 31,
        "slots_paid": 1,
        "slots_missed": 1,
        "amount_planned": 31 * DAY,
        "amount_paid": DAY,
        "amount_missed": DAY,
        "amount_open": 30 * DAY,
        "credit": 0,
        "balance": 0,
        "available": 0,
    }


def test_a_change_of_contribution_leaves_what_is_paid(march, calendar):
    """The predecessor rewrote paid history here."""
    account = march.open_account(march.funke)
    march.mark(account, days=3)
    calendar.forward(days=5)
    march.chidi.ok("POST", f"/savings/{account['id']}/terms", {"contribution": 80_000})
    slots = march.card(account)["slots"]
    assert [slot["amount"] for slot in slots[:7]] == [DAY] * 5 + [80_000] * 2
    assert march.mark(account, days=3)["amount"] == DAY * 2 + 80_000


def test_terms_change_from_today_on_and_not_before_a_later_change(march):
    account = march.open_account(march.funke)
    path = f"/savings/{account['id']}/terms"
    assert march.chidi.post(path, {"contribution": 1, "effective_from": "2027-02-28"}).status == 200, "is the start"
    march.chidi.ok("POST", path, {"contribution": 80_000, "effective_from": "2027-03-10"})
    refused = march.chidi.post(path, {"contribution": 90_000, "effective_from": "2027-03-05"})
    assert refused.code == "savings.invalid_plan"
    assert march.chidi.post(path, {"target_amount": 5}).code == "savings.invalid_plan"
    assert march.chidi.post(path, {}).code == "savings.invalid_plan"


def test_extending_reopens_a_card_that_was_paid_in_full(march):
    account = march.open_account(march.funke)
    march.mark(account, days=31)
    assert march.chidi.post(f"/savings/{account['id']}/markings", {}).code == "savings.closed"
    extended = march.chidi.ok("POST", f"/savings/{account['id']}/extend", {"cycles": 1})
    assert (extended["state"], extended["cycles"]) == ("in_progress", 2)
    assert march.mark(account)["commission"] == DAY, "the second cycle has begun"


def test_a_target_is_extended_by_its_end(march):
    plan = {"kind": "target", "contribution": None, "target_amount": 3_100_000, "end_date": "2027-03-31"}
    account = march.open_account(march.funke, **plan)
    march.mark(account, days=5)
    assert march.chidi.post(f"/savings/{account['id']}/extend", {"cycles": 1}).code == "savings.invalid_plan"
    march.chidi.ok("POST", f"/savings/{account['id']}/extend", {"end_date": "2027-04-30"})
    totals = march.card(account)["totals"]
    assert (totals["amount_planned"], totals["amount_paid"]) == (3_100_000, 500_000)


def test_ending_early_voids_what_is_open_and_is_final(march):
    account = march.open_account(march.funke)
    march.mark(account, days=4)
    ended = march.chidi.ok("POST", f"/savings/{account['id']}/end", {"reason": "needs the money"})
    assert (ended["state"], ended["ended_on"], ended["balance"]) == ("completed", "2027-03-01", 3 * DAY)
    assert march.card(account)["totals"]["slots"] == 4
    for act, body in [("end", {"reason": "x"}), ("extend", {"cycles": 1}), ("terms", {"contribution": 5})]:
        assert march.chidi.post(f"/savings/{account['id']}/{act}", body).code == "savings.closed"


def test_the_next_plan_follows_with_the_same_terms_once(march, calendar):
    account = march.open_account(march.funke, weekdays=[1, 2, 3, 4, 5, 6])
    path = f"/savings/{account['id']}/roll-over"
    assert march.chidi.post(path).code == "savings.not_completed"
    march.mark(account, days=31)
    last = march.card(account)["slots"][-1]["date"]
    following = march.chidi.ok("POST", path)
    assert following["start"] > last
    assert (following["rolled_from_id"], following["weekdays"]) == (account["id"], [1, 2, 3, 4, 5, 6])
    assert following["tracking_number"] != account["tracking_number"]
    assert march.chidi.post(path).code == "savings.already_rolled_over"


def test_a_rolled_over_target_has_as_many_days(march):
    plan = {"kind": "target", "contribution": None, "target_amount": 3_100_000, "end_date": "2027-03-31"}
    account = march.open_account(march.funke, **plan)
    march.mark(account, days=31)
    following = march.chidi.ok("POST", f"/savings/{account['id']}/roll-over")
    assert (following["start"], following["end_date"]) == ("2027-04-01", "2027-05-01")
    assert following["target_amount"] == 3_100_000
