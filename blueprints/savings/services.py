"""Verbs on savings accounts: open, preview, extend, change terms, end early, roll over."""

import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import ARRAY

from blueprints.commissions.rules import Charge, Policy, check_first_mark, due
from blueprints.commissions.services import Occasion, entries_of, record
from blueprints.savings import queries
from blueprints.savings.models import SavingsAccount, SavingsTerms
from blueprints.savings.queries import Card
from blueprints.savings.rules import (
    ONE_DAY,
    OPEN_STATES,
    AccountClosed,
    AlreadyRolledOver,
    InvalidPlan,
    NotACustomer,
    NotCompleted,
    Plan,
    PlanKind,
    State,
    Terms,
    check_plan,
    target_contribution,
)
from blueprints.settings.models import BusinessSettings
from blueprints.settings.queries import holiday_dates, today
from blueprints.settings.rules import AccountKind, readable
from blueprints.users.queries import in_sight
from ofektom import audit, clock, ledger
from ofektom.database import verb
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, MembershipStatus, Role
from ofektom.ledger import Act, Entry
from ofektom.outbox import Tell
from ofektom.plain import Statement

A_YEAR = timedelta(days=366)
POLICY = ("commission_kind", "commission_value", "commission_cap", "commission_earned", "agent_share")
NUMBERS_TRIED = 5


def preview(*, actor: Actor, **wanted) -> dict:
    """What a plan would come to, storing nothing. Raises InvalidPlan."""
    conditions = conditions_of(actor)
    return _outline(make_plan(conditions, **wanted), conditions.policy)


def _outline(plan: Plan, policy: Policy) -> dict:
    slots = plan.slots()
    paid_up = replace(plan, paid={slot.date: (slot.amount, slot.cycle) for slot in slots})
    commission = sum(due(policy, paid_up.cycles(slots[-1].date)).values())
    total = sum(slot.amount for slot in slots)
    return {
        "contribution": plan.latest.contribution,
        "slots": len(slots),
        "cycles": slots[-1].cycle,
        "first_day": slots[0].date,
        "last_day": slots[-1].date,
        "last_amount": slots[-1].amount,
        "total": total,
        "commission": commission,
        "payout": total - commission,
    }


@dataclass(frozen=True)
class Conditions:
    """What a new plan depends on besides the wishes: the business's settings and holidays, and the days it may start.

    `today` is the business day.
    """

    settings: BusinessSettings
    holidays: frozenset[date]
    today: date
    earliest: date

    @property
    def policy_columns(self) -> dict:
        """The commission policy of plans made now, by the names of the account's columns."""
        return {name: getattr(self.settings, name) for name in POLICY}

    @property
    def policy(self) -> Policy:
        """The same to reckon with."""
        return Policy(*self.policy_columns.values())


def conditions_of(actor: Actor) -> Conditions:
    """The conditions of plans that the actor makes now. Three statements."""
    settings, current = db.session.get(BusinessSettings, actor.business_id), today(actor)
    back = A_YEAR if actor.role == Role.ADMIN else timedelta(days=settings.backdating_days)
    return Conditions(settings, holiday_dates(actor.business_id), current, current - back)


def make_plan(conditions: Conditions, *, kind: str, start: date | None, weekdays: int | None, **wanted) -> Plan:
    """The plan that opening with these wishes would make; what is not wished for is the business's rule.

    Raises InvalidPlan, LargerThanContribution.
    """
    settings, latest = conditions.settings, conditions.today + A_YEAR
    start = start or conditions.today
    if not conditions.earliest <= start <= latest:
        raise InvalidPlan(f"the plan must start between {conditions.earliest} and {latest}")
    plan = Plan(
        kind=kind,
        cycle_kind=wanted["cycle_kind"] or settings.cycle_kind,
        cycle_days=wanted["cycle_days"] or settings.cycle_days,
        start=start,
        versions=[],
        holidays=conditions.holidays,
    )
    terms = Terms(
        effective_from=start,
        contribution=wanted["contribution"] or 0,
        weekdays=weekdays or settings.weekdays,
        cycles=wanted["cycles"],
        target_amount=wanted["target_amount"],
        end_date=wanted["end_date"],
    )
    plan = replace(plan, versions=[_complete(plan, terms)])
    check_plan(plan)
    check_first_mark(conditions.policy, plan.latest.contribution)
    return plan


def _complete(plan: Plan, terms: Terms) -> Terms:
    """A target plan's contribution follows from its target."""
    if plan.kind == PlanKind.DAILY:
        return terms
    if terms.end_date < terms.effective_from:
        raise InvalidPlan("the plan ends before it begins")
    return replace(terms, contribution=target_contribution(plan, terms))


@verb
def open_account(*, actor: Actor, customer_id: int, label: str | None, **wanted) -> dict:
    """Open a savings account for a customer of the actor's. Raises NotACustomer, InvalidPlan."""
    _check_customer(actor, customer_id)
    conditions = conditions_of(actor)
    plan = make_plan(conditions, **wanted)
    account_id = _store(actor, plan, conditions.policy_columns, customer_id=customer_id, label=label)
    facts = _outline(plan, conditions.policy) | {"customer_id": customer_id, "kind": plan.kind}
    audit.record("savings.opened", "savings_account", account_id, actor=actor, after=facts)
    return queries.account(actor, account_id)


def _check_customer(actor: Actor, customer_id: int) -> None:
    query = select(Membership.id).where(
        in_sight(actor),
        Membership.id == customer_id,
        Membership.role == Role.CUSTOMER,
        Membership.status.in_([MembershipStatus.ACTIVE, MembershipStatus.INVITED]),
    )
    if db.session.scalar(query) is None:
        raise NotACustomer


def _store(actor: Actor, plan: Plan, policy: dict, **facts) -> int:
    now = clock.read_now()
    account = SavingsAccount(
        business_id=actor.business_id,
        tracking_number=_free_tracking_number(actor.business_id),
        kind=plan.kind,
        start=plan.start,
        cycle_kind=plan.cycle_kind,
        cycle_days=plan.cycle_days,
        created_at=now,
        **policy,
        **facts,
    )
    db.session.add(account)
    db.session.flush()
    _add_terms(actor, account.id, plan.latest)
    ledger.open_accounts(actor.business_id, [ledger.Account(AccountKind.SAVINGS, account.id)], floor=0)
    return account.id


def random_tracking_number() -> str:
    """Ten random digits, which another card may have already."""
    return f"{secrets.randbelow(10**10):010d}"


def _free_tracking_number(business_id: int) -> str:
    """One that no card of the business has; a race for the same ones ends at the unique constraint."""
    candidates = [random_tracking_number() for _ in range(NUMBERS_TRIED)]
    number = func.unnest(db.cast(candidates, ARRAY(db.Text))).column_valued("number")
    used = select(SavingsAccount.id).where(
        SavingsAccount.business_id == business_id, SavingsAccount.tracking_number == number
    )
    return db.session.scalars(select(number).where(~used.exists()).limit(1)).one()


def _add_terms(actor: Actor, account_id: int, terms: Terms) -> None:
    row = SavingsTerms(business_id=actor.business_id, account_id=account_id, created_at=clock.read_now())
    for name in ("effective_from", "contribution", "weekdays", "cycles", "target_amount", "end_date"):
        setattr(row, name, getattr(terms, name))
    db.session.add(row)
    db.session.flush()


@verb
def extend(*, actor: Actor, account_id: int, cycles: int | None, end_date: date | None) -> dict:
    """Add cycles to a daily plan, or move a target plan's end, which makes its open slots smaller.

    A plan that was paid in full is in progress again; one that was ended early or rolled over stays completed.
    Raises NotFound, AccountClosed, AlreadyRolledOver, InvalidPlan, LargerThanContribution.
    """
    card = queries.locked_card(actor, account_id)
    latest = card.plan.latest
    if card.plan.ended_on or card.row["state"] == State.PAID_OUT:
        raise AccountClosed
    if queries.is_rolled_over(card):
        raise AlreadyRolledOver
    if card.plan.kind == PlanKind.DAILY:
        if not cycles or end_date:
            raise InvalidPlan("a daily plan is extended by cycles")
        longer = replace(latest, cycles=latest.cycles + cycles)
    else:
        if cycles or not end_date or end_date <= latest.end_date:
            raise InvalidPlan("a target plan is extended by a later end_date")
        from_now = replace(latest, effective_from=max(card.today, latest.effective_from), end_date=end_date)
        longer = _complete(card.plan, from_now)
    return _apply_terms(actor, card, longer, "savings.extended")


@verb
def change_terms(*, actor: Actor, account_id: int, effective_from: date | None, **changes) -> dict:
    """New terms for the open slots from a day on (default today). Raises NotFound, AccountClosed, InvalidPlan.

    Daily plans change contribution and weekdays, target plans target_amount, end_date and weekdays.
    """
    card = queries.locked_card(actor, account_id)
    if card.row["state"] not in OPEN_STATES:
        raise AccountClosed
    day = max(effective_from or card.today, card.plan.start)
    if day < max(card.today, card.plan.latest.effective_from):
        raise InvalidPlan("terms change from today on, and not before a change already recorded")
    changes = {name: value for name, value in changes.items() if value is not None}
    daily = card.plan.kind == PlanKind.DAILY
    foreign = {"target_amount", "end_date"} if daily else {"contribution"}
    if not changes or foreign & changes.keys():
        raise InvalidPlan(
            f"a {card.plan.kind} plan changes {'contribution' if daily else 'target_amount, end_date'} or weekdays"
        )
    terms = replace(card.plan.latest, effective_from=day, **changes)
    return _apply_terms(actor, card, _complete(card.plan, terms), "savings.terms_changed")


def _apply_terms(actor: Actor, card: Card, terms: Terms, action: str) -> dict:
    plan = replace(card.plan, versions=[*card.plan.versions, terms])
    check_plan(plan)
    check_first_mark(card.policy, terms.contribution)
    _add_terms(actor, card.id, terms)
    if card.row["state"] == State.COMPLETED and plan.open_slots():
        write(card, state=State.IN_PROGRESS)
    before, after = (_facts(version) for version in (card.plan.latest, terms))
    audit.record(action, "savings_account", card.id, actor=actor, before=before, after=after)
    return queries.account(actor, card.id)


def _facts(terms: Terms) -> dict:
    return readable({name: value for name, value in vars(terms).items() if value is not None})


_WRITE = Statement(
    """
    UPDATE savings_accounts SET state = %(state)s, credit = %(credit)s, ended_on = %(ended_on)s
    WHERE business_id = %(business_id)s AND id = %(id)s
    """
)


def write(card: Card, **columns) -> None:
    """Write state, credit or ended_on of the account's row, if that says anything new."""
    if any(value != card.row[name] for name, value in columns.items()):
        _WRITE.later({name: card.row[name] for name in _WRITE.names} | columns)


@dataclass(frozen=True)
class Settlement:
    """Commission that falls due with an act: entries to post with the act's own, then to be recorded.

    `card` is the account afterwards, `owing` the charges by cycle.
    """

    occasion: Occasion
    owing: dict[int, Charge]
    card: Card

    @property
    def entries(self) -> list[Entry]:
        return entries_of(self.occasion, self.card.policy, self.owing)

    @property
    def total(self) -> int:
        return sum(charge.amount for charge in self.owing.values())

    def record(self) -> None:
        """Note the commissions once their entries have been posted."""
        record(self.occasion, self.card.policy, self.owing)


def occasion(actor: Actor, card: Card, cause: str) -> Occasion:
    """`actor` acting on `card` now, for commission purposes."""
    return Occasion(act_on(actor, card), card.id, cause)


def act_on(actor: Actor, card: Card) -> Act:
    """The ledger's Act of `actor` on `card`, now."""
    return Act(card.business_id, card.today, card.now, actor.membership_id)


def settlement(actor: Actor, card: Card, cause: str, *, earned_before: dict[int, Charge] | None = None) -> Settlement:
    """Every commission of `card` that is due and not yet taken.

    The customer's own collector earns it; what is reckoned anew stays with whoever had it (`earned_before`, by cycle).
    """
    before, collector_id = earned_before or {}, card.row["collector_id"]
    owing = {
        cycle: Charge(amount, before[cycle].agent_id if cycle in before else collector_id)
        for cycle, amount in due(card.policy, card.plan.cycles(card.today)).items()
        if cycle not in card.taken
    }
    total = sum(charge.amount for charge in owing.values())
    return Settlement(
        occasion(actor, card, cause), owing, card.after(balance=card.balance - total, taken=card.taken | owing)
    )


@verb
def end_early(*, actor: Actor, account_id: int, reason: str) -> dict:
    """Complete an account today: its open slots are void and due commission is taken.

    Raises NotFound, AccountClosed.
    """
    card = queries.locked_card(actor, account_id)
    if card.row["state"] not in OPEN_STATES:
        raise AccountClosed
    settled = settlement(actor, replace(card, plan=replace(card.plan, ended_on=card.today)), "ended")
    ledger.post(act_on(actor, card), *settled.entries)
    settled.record()
    write(card, state=State.COMPLETED, ended_on=card.today)
    after = {"state": State.COMPLETED, "ended_on": card.today, "reason": reason, "commission": settled.total}
    before = {"state": card.row["state"]}
    facts = {"account_id": card.id, "tracking_number": card.row["tracking_number"], "currency": actor.currency}
    tell = [Tell("savings.completed", card.row["customer_id"], facts | {"balance": settled.card.balance})]
    audit.record("savings.ended_early", "savings_account", card.id, actor=actor, before=before, after=after, tell=tell)
    return queries.account(actor, card.id)


@verb
def roll_over(*, actor: Actor, account_id: int, start: date | None) -> dict:
    """Open the next plan with the terms of a completed one. Raises NotFound, NotCompleted, AlreadyRolledOver.

    It starts on `start`, by default today or the day after the last slot, whichever is later. Money stays where it is.
    """
    card = queries.locked_card(actor, account_id)
    if card.row["state"] in OPEN_STATES:
        raise NotCompleted
    slots = card.plan.slots()
    after_last = slots[-1].date + ONE_DAY if slots and not card.plan.ended_on else card.today
    begin = start or max(card.today, after_last)
    if not card.today <= begin <= card.today + A_YEAR:
        raise InvalidPlan("the next plan starts today or within a year")
    plan = _next_plan(card, begin)
    check_plan(plan)
    policy = {name: card.row[name] for name in POLICY}
    facts = {"customer_id": card.row["customer_id"], "label": card.row["label"], "rolled_from_id": card.id}
    next_id = _store(actor, plan, policy, **facts)
    audit.record("savings.rolled_over", "savings_account", card.id, actor=actor, after={"next_account_id": next_id})
    return queries.account(actor, next_id)


def _next_plan(card: Card, begin: date) -> Plan:
    """The same terms from `begin` on: as many cycles, or the same target over as many days."""
    latest = card.plan.latest
    length = latest.end_date - card.plan.start if latest.end_date else None
    terms = replace(latest, effective_from=begin, end_date=begin + length if length is not None else None)
    plan = replace(card.plan, start=begin, versions=[], paid={}, ended_on=None)
    return replace(plan, versions=[_complete(plan, terms)])
