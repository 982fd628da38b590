"""Arrears as PostgreSQL reckons them, set by set, and as the rules do, slot by slot."""

from datetime import date, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from blueprints.arrears import queries
from blueprints.savings.models import Marking, SavingsAccount, SavingsTerms
from blueprints.savings.rules import Plan, PlanKind, Terms
from blueprints.settings.models import Holiday
from ofektom.database import Rehearsal, verb
from ofektom.extensions import db
from ofektom.identity import Actor

MONDAY = date(2026, 6, 1)
DAYS = st.integers(0, 70).map(lambda days: MONDAY + timedelta(days=days))
POLICY = {"commission_kind": "one_day", "commission_value": 0, "commission_earned": "first_mark", "agent_share": 0}


def _asked_by(person, cast) -> Actor:
    place = {"timezone": "Africa/Lagos", "currency": "NGN"}
    return Actor(person.user_id, 1, False, cast.business_id, person.id, person.role, **place)


@st.composite
def _terms(draw, kind: str, start: date) -> list[Terms]:
    versions, day = [], start
    for _ in range(draw(st.integers(1, 3))):
        own = {"cycles": draw(st.integers(1, 3))}
        if kind == PlanKind.TARGET:
            end = start + timedelta(days=draw(st.integers(0, 60)))
            own = {"target_amount": draw(st.integers(1, 3000)), "end_date": end}
        versions.append(Terms(day, draw(st.integers(1, 300)), draw(st.integers(1, 127)), **own))
        day += timedelta(days=draw(st.integers(0, 20)))
    return versions


@st.composite
def _plans(draw) -> Plan:
    kind, start = draw(st.sampled_from(PlanKind)), draw(DAYS)
    paid = {day: (draw(st.integers(1, 400)), draw(st.integers(1, 3))) for day in draw(st.sets(DAYS, max_size=15))}
    cycle = draw(st.sampled_from(["days", "calendar_month"]))
    paid = {day: slot for day, slot in paid.items() if day >= start}
    return Plan(kind, cycle, draw(st.integers(1, 20)), start, draw(_terms(kind, start)), paid=paid)


def _store(business_id: int, customer_id: int, plans: list[Plan], holidays: set[date]) -> None:
    """The rows of the plans, without the money behind their markings, which no foreign key may ask for."""
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    own = {"business_id": business_id}
    if holidays:
        db.session.execute(insert(Holiday), [own | {"day": day, "name": "Feast"} for day in holidays])
    accounts, terms, markings = [], [], []
    for number, plan in enumerate(plans, 1):
        account = {"id": -number, "customer_id": customer_id, "tracking_number": f"{number:010d}", "credit": 0}
        shape = {"cycle_kind": plan.cycle_kind, "cycle_days": plan.cycle_days, "start": plan.start, "kind": plan.kind}
        moment = {"created_at": MONDAY}
        accounts.append(own | account | shape | POLICY | moment | {"state": "in_progress"})
        terms += [own | {"account_id": -number} | vars(version) | moment for version in plan.versions]
        for day, (amount, cycle) in plan.paid.items():
            slot = {"slot_date": day, "amount": amount, "cycle": cycle, "status": "paid", "collection_id": 1}
            markings.append(own | {"account_id": -number} | slot)
            markings.append(markings[-1] | {"status": "reversed"})
        reversed_only = plan.start + timedelta(days=3)
        if reversed_only not in plan.paid:
            slot = {"slot_date": reversed_only, "amount": 1, "cycle": 1, "status": "reversed", "collection_id": 1}
            markings.append(own | {"account_id": -number} | slot)
    db.session.execute(insert(SavingsAccount), accounts)
    db.session.execute(insert(SavingsTerms), terms)
    if markings:
        db.session.execute(insert(Marking), markings)


def _expected(plan: Plan, as_of: date) -> tuple | None:
    missed = [slot for slot in plan.open_slots() if slot.date < as_of]
    return (len(missed), sum(slot.amount for slot in missed), missed[0].date) if missed else None


# Each step asks the database, so a failure is shown as it was found and not made smaller.
@settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(
    plans=st.lists(_plans(), min_size=25, max_size=25),
    holidays=st.sets(DAYS, max_size=6),
    as_of=st.integers(-5, 150).map(lambda days: MONDAY + timedelta(days=days)),
)
def test_the_set_based_arrears_are_those_of_the_rules(app, cast, plans, holidays, as_of):
    @verb
    def look():
        _store(cast.business_id, cast.funke.id, plans, holidays)
        actor = _asked_by(cast.ada, cast)
        raise Rehearsal(queries.arrears(actor, as_of=as_of, collector_id=None, limit=100, cursor=None)["items"])

    with app.app_context():
        try:
            look()
        except Rehearsal as rehearsal:
            rows = rehearsal.result
    found = {-row["id"]: (row["missed"], row["amount_missed"], row["oldest_missed"]) for row in rows}
    plans = [Plan(**vars(plan) | {"holidays": frozenset(holidays)}) for plan in plans]
    expected = {number: _expected(plan, as_of) for number, plan in enumerate(plans, 1)}
    assert found == {number: missed for number, missed in expected.items() if missed}


def test_arrears_and_dormant_accounts_are_those_in_sight(fresh_cast, calendar):
    calendar.to(MONDAY)
    funke, hauwa = (fresh_cast.open_account(person) for person in (fresh_cast.funke, fresh_cast.hauwa))
    fresh_cast.mark(funke, days=2)
    calendar.to(MONDAY + timedelta(days=10))
    for person in (fresh_cast.ada, fresh_cast.dupe):
        person.sign_in(person.phone, person.secret)
    items = {row["account_id"]: row for row in fresh_cast.ada.ok("GET", "/reports/arrears")["items"]}
    shown = {id: (row["missed"], row["amount_missed"], row["oldest_missed"]) for id, row in items.items()}
    assert shown == {funke["id"]: (8, 400_000, "2026-06-03"), hauwa["id"]: (10, 500_000, "2026-06-01")}
    assert fresh_cast.ada.ok("GET", "/reports/arrears?as_of=2026-06-03")["items"][0]["account_id"] == hauwa["id"]
    [own] = fresh_cast.dupe.ok("GET", "/reports/arrears")["items"]
    assert own["account_id"] == hauwa["id"]
    quiet = fresh_cast.ada.ok("GET", "/reports/dormant?days=10")["items"]
    assert [(row["account_id"], row["last_collected_on"], row["days"]) for row in quiet] == [
        (funke["id"], "2026-06-01", 10),
        (hauwa["id"], None, 10),
    ]
    assert fresh_cast.ada.ok("GET", "/reports/dormant?days=11")["items"] == []
