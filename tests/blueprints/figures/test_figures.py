"""Reports and dashboards over HTTP: what happened is what they say, each within sight."""

from datetime import date, timedelta

import pytest

MONDAY = date(2026, 6, 1)


def _on(days: int) -> str:
    return (MONDAY + timedelta(days=days)).isoformat()


@pytest.fixture
def business(fresh_cast, calendar):
    """Two days of collecting by an agent, his sub-agent and another agent; it is Thursday, the fourth day."""
    calendar.to(MONDAY)
    people = (fresh_cast.funke, fresh_cast.hauwa, fresh_cast.ike)
    fresh_cast.accounts = [fresh_cast.open_account(person, contribution=10_000) for person in people]
    funke, hauwa, ike = fresh_cast.accounts
    fresh_cast.mark(funke, days=2)
    wrong = fresh_cast.mark(funke)
    fresh_cast.chidi.ok("POST", f"/collections/{wrong['collection_id']}/reversal", {"reason": "wrong card"})
    calendar.to(MONDAY + timedelta(days=1))
    fresh_cast.mark(hauwa, by=fresh_cast.dupe)
    fresh_cast.mark(ike, by=fresh_cast.emeka, days=5)
    calendar.to(MONDAY + timedelta(days=3))
    for person in (fresh_cast.ada, fresh_cast.chidi, fresh_cast.dupe):
        person.sign_in(person.phone, person.secret)
    return fresh_cast


def _rows(report: dict, key: str) -> dict:
    return {
        row[key]: (row["count"], row["amount"], row["reversed_count"], row["reversed_amount"])
        for row in report["items"]
    }


def test_collections_add_up_by_day_by_agent_and_by_unit(business):
    unit = business.ada.ok("POST", "/units", {"name": "Oshodi"})
    business.ada.ok("PATCH", f"/members/{business.chidi.id}", {"unit_id": unit["id"]})
    by_day = business.ada.ok("GET", "/reports/collections/by-day")
    assert _rows(by_day, "day") == {_on(0): (1, 20_000, 1, 10_000), _on(1): (2, 60_000, 0, 0)}
    assert (by_day["since"], by_day["until"]) == (_on(-27), _on(3))
    assert (by_day["count"], by_day["amount"], by_day["reversed_amount"]) == (3, 80_000, 10_000)
    by_agent = business.ada.ok("GET", "/reports/collections/by-agent")
    chidi, dupe, emeka = (1, 20_000, 1, 10_000), (1, 10_000, 0, 0), (1, 50_000, 0, 0)
    assert _rows(by_agent, "agent_id") == {business.chidi.id: chidi, business.dupe.id: dupe, business.emeka.id: emeka}
    by_unit = business.ada.ok("GET", "/reports/collections/by-unit")
    assert _rows(by_unit, "unit_id") == {unit["id"]: chidi, None: (2, 60_000, 0, 0)}
    assert by_unit["items"][0]["unit_name"] == "Oshodi"


def test_collections_are_those_of_the_days_and_the_collector_asked_for(business):
    one_day = business.ada.ok("GET", f"/reports/collections/by-day?since={_on(1)}&until={_on(1)}")
    assert _rows(one_day, "day") == {_on(1): (2, 60_000, 0, 0)}
    of_one = business.ada.ok("GET", f"/reports/collections/by-day?collector_id={business.emeka.id}")
    assert _rows(of_one, "day") == {_on(1): (1, 50_000, 0, 0)}
    answer = business.ada.get(f"/reports/collections/by-day?since={_on(0)}&until={_on(366)}")
    assert (answer.status, answer.code) == (422, "reports.invalid_period")


def test_a_collector_reports_on_themselves_and_those_under_them(business):
    reports = {person: person.ok("GET", "/reports/collections/by-agent") for person in (business.chidi, business.dupe)}
    ids = {person: {row["agent_id"] for row in report["items"]} for person, report in reports.items()}
    assert ids == {business.chidi: {business.chidi.id, business.dupe.id}, business.dupe: {business.dupe.id}}
    assert business.funke.get("/reports/collections/by-agent").status == 403


def test_commissions_are_those_earned_and_kept_in_the_days(business):
    report = business.ada.ok("GET", "/reports/commissions")
    earned = {row["agent_id"]: (row["cycles"], row["agent_amount"]) for row in report["items"]}
    assert earned == {person.id: (1, 10_000) for person in (business.chidi, business.dupe, business.emeka)}
    assert (report["cycles"], report["agent_amount"]) == (3, 30_000)
    assert business.ada.ok("GET", f"/reports/commissions?since={_on(2)}&until={_on(3)}")["items"] == []
    mine = business.dupe.ok("GET", f"/reports/commissions?since={_on(1)}&until={_on(1)}")
    assert [row["agent_id"] for row in mine["items"]] == [business.dupe.id]


def test_cash_is_as_old_as_the_oldest_of_it(business, calendar):
    def held() -> dict:
        items = business.ada.ok("GET", "/reports/cash")["items"]
        return {row["agent_id"]: (row["amount"], row["days"]) for row in items}

    before = held()
    assert before[business.chidi.id] == (20_000, 3)
    assert before[business.emeka.id] == (50_000, 2)
    # Taking in and giving back at once does not make what is old look new.
    feint = business.mark(business.accounts[0], days=2)
    business.chidi.ok("POST", f"/collections/{feint['collection_id']}/reversal", {"reason": "wrong card"})
    assert held() == before
    # First in, first out: what he pays out is the oldest of what he holds.
    business.mark(business.accounts[0], days=1)
    request = business.funke.ok("POST", "/payments", {"account_id": business.accounts[0]["id"], "amount": 20_000})
    business.ada.ok("POST", f"/payments/{request['id']}/approve")
    business.funke.sign_in(business.funke.phone, business.funke.secret)
    code = business.funke.ok("POST", f"/payments/{request['id']}/code")["code"]
    business.chidi.ok("POST", f"/payments/{request['id']}/pay-cash", {"code": code})
    assert held()[business.chidi.id] == (10_000, 0)


def test_the_dashboard_says_how_the_business_stands(business):
    business.mark(business.accounts[0], amount=10_000)
    business.funke.sign_in(business.funke.phone, business.funke.secret)
    business.funke.ok("POST", "/payments", {"account_id": business.accounts[0]["id"], "amount": 5_000})
    assert business.ada.ok("GET", "/dashboard") == {
        "currency": "NGN",
        "today": _on(3),
        "collected_today": {"count": 1, "amount": 10_000, "reversed_count": 0, "reversed_amount": 0},
        # funke and hauwa; ike has paid five days.
        "still_due_today": {"slots": 2, "amount": 20_000},
        "active_accounts": 3,
        "approvals_waiting": {"requests": 1, "amount": 5_000},
        "cash_with_agents": {"agents": 3, "amount": 90_000},
        "arrears": {"accounts": 1, "slots": 2, "amount": 20_000},
        "reckoned_at": None,
        "commission_this_month": {"cycles": 3, "agent_amount": 30_000, "business_amount": 0},
    }


def test_the_platform_sees_totals_and_nobody(business, staff):
    cursor, rows = "", []
    while cursor is not None:
        page = staff.ok("GET", f"/platform/dashboard?limit=100{cursor}")
        rows += page["items"]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    [own] = [row for row in rows if row["id"] == business.business_id]
    assert page["businesses"] == len(rows) >= page["active"] > 0
    assert {name: own[name] for name in own if name not in {"id", "name"}} == {
        "currency": "NGN",
        "is_active": True,
        "customers": 4,
        "open_accounts": 3,
        "owed_to_customers": 50_000,
        "cash_with_agents": 80_000,
        "collected_today": 0,
    }
    assert business.ada.get("/platform/dashboard").status == 403
