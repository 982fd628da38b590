"""Settings and holidays over HTTP."""

from datetime import date, timedelta

import pytest


def test_the_defaults_are_the_fields_tradition(fresh_cast):
    settings = fresh_cast.chidi.ok("GET", "/settings")
    assert settings == {
        "currency": "NGN",
        "commission_kind": "one_day",
        "commission_value": 0,
        "commission_cap": None,
        "commission_earned": "first_mark",
        "agent_share": 10_000,
        "cycle_kind": "days",
        "cycle_days": 31,
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "backdating_days": 3,
        "reversal_minutes": 15,
        "two_approvers_above": None,
        "expense_approval_above": 1_000_000,
        "partial_payouts": True,
        "cooldown_hours": 24,
        "public_page": False,
        "sms": True,
        "sms_sender": None,
        "quiet_from": None,
        "quiet_until": None,
    }


def test_an_admin_changes_them_and_the_change_is_in_the_trail(fresh_cast):
    changes = {"weekdays": [1, 2, 3, 4, 5, 6], "backdating_days": 1, "two_approvers_above": 5_000_000}
    assert fresh_cast.ada.ok("PATCH", "/settings", changes).items() >= changes.items()
    [event] = fresh_cast.ada.ok("GET", "/audit?action=settings.changed")["items"]
    assert event["before"] == {"weekdays": [1, 2, 3, 4, 5, 6, 7], "backdating_days": 3, "two_approvers_above": None}
    assert event["after"] == changes


@pytest.mark.parametrize(
    "changes",
    [
        {"commission_kind": "percent", "commission_value": 500},
        {"commission_kind": "percent", "commission_value": 10_001, "commission_earned": "cycle_end"},
        {"commission_kind": "flat", "commission_value": 0},
    ],
)
def test_contradictory_policies_are_refused(cast, changes):
    assert cast.ada.patch("/settings", changes).code == "settings.contradictory_policy"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": [0]}, "weekdays"),
        ({"agent_share": 10_001}, "agent_share"),
        ({"partial_payouts": 1}, "partial_payouts"),
        ({"cycle_days": 0}, "cycle_days"),
        ({"business_id": 1}, "business_id"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(cast, changes, field):
    refused = cast.ada.patch("/settings", changes)
    assert (refused.status, list(refused["errors"])) == (422, [field])


def test_a_holiday_makes_no_slot(fresh_cast, calendar):
    calendar.to(date(2027, 3, 1))
    feast = date(2027, 3, 10)
    fresh_cast.ada.ok("POST", "/settings/holidays", {"day": str(feast), "name": "Sallah"})
    account = fresh_cast.open_account(fresh_cast.funke)
    slots = [slot["date"] for slot in fresh_cast.card(account)["slots"]]
    assert (str(feast) in slots, len(slots)) == (False, 31)
    assert fresh_cast.chidi.ok("GET", "/settings/holidays")["items"] == [{"day": str(feast), "name": "Sallah"}]
    assert fresh_cast.ada.delete(f"/settings/holidays?day={feast}").status == 204
    assert str(feast) in [slot["date"] for slot in fresh_cast.card(account)["slots"]]


def test_a_holiday_lies_ahead_and_is_named_once(fresh_cast, calendar):
    calendar.to(date(2027, 3, 1))
    today, tomorrow = date(2027, 3, 1), date(2027, 3, 1) + timedelta(days=1)
    late = {"day": str(today), "name": "X"}
    assert fresh_cast.ada.post("/settings/holidays", late).code == "settings.holiday_passed"
    coming = {"day": str(tomorrow), "name": "X"}
    fresh_cast.ada.ok("POST", "/settings/holidays", coming)
    assert fresh_cast.ada.post("/settings/holidays", coming).code == "settings.holiday_exists"
    assert fresh_cast.ada.delete("/settings/holidays?day=2027-03-05").status == 404
    assert fresh_cast.chidi.post("/settings/holidays", coming).status == 403
