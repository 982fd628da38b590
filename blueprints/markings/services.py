"""Verbs of marking: collect and reverse."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import BigInteger, Date, SmallInteger, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from blueprints.commissions.services import claw_back
from blueprints.markings import queries
from blueprints.markings.models import Collection
from blueprints.markings.rules import CreditUsed, Filling, Method, ReversalClosed, check_day, fill, may_reverse
from blueprints.savings.models import Marking
from blueprints.savings.queries import Card, locked_card
from blueprints.savings.rules import OPEN_STATES, AccountClosed, MarkingStatus, NotACustomer, State
from blueprints.savings.services import occasion, set_state, settle
from blueprints.settings.rules import AccountKind, Earned
from ofektom import audit, ledger
from ofektom.database import verb
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, MembershipStatus, Role
from ofektom.ledger import Account, AlreadyReversed, Movement


@verb
def collect(
    *,
    actor: Actor,
    account_id: int,
    days: int | None,
    dates: Sequence[date] | None,
    amount: int | None,
    collected_on: date | None,
    client_time: datetime | None,
) -> dict:
    """Take cash on an account and mark its slots, oldest open first. Returns the receipt.

    Raises NotFound, AccountClosed, NotACustomer, InTheFuture, TooFarBack, NotASlot, SlotTaken, BeyondPlan.
    """
    card = locked_card(actor, account_id)
    _check_open(card)
    collected_on = collected_on or card.today
    check_day(collected_on, card.today, card.row["backdating_days"], actor.role == Role.ADMIN)
    filling = fill(card.plan, card.row["credit"], days=days, dates=dates, amount=amount)
    cause = f"collection:{secrets.token_hex(8)}"
    entry_id = _post_cash(actor, card, filling, cause)
    facts = {"collected_on": collected_on, "client_time": client_time, "entry_id": entry_id}
    collection_id = _write(actor, card, filling, facts)
    marked = _with_paid(card, filling)
    settled = settle(actor, marked, cause)
    state = State.IN_PROGRESS if marked.plan.open_slots() else State.COMPLETED
    _keep(card, state, card.row["credit"] + filling.credit_change)
    receipt = _receipt(settled, filling, collection_id, collected_on, state)
    receipt["commission"] = marked.balance - settled.balance
    audit.record("markings.collected", "collection", collection_id, actor=actor, after=receipt)
    return receipt


def _check_open(card: Card) -> None:
    if card.row["state"] not in OPEN_STATES:
        raise AccountClosed
    if card.row["customer_status"] not in (MembershipStatus.ACTIVE, MembershipStatus.INVITED):
        raise NotACustomer


def _post_cash(actor: Actor, card: Card, filling: Filling, reference: str) -> int | None:
    """The movement of the cash; the id of its entry, or None when credit paid for everything."""
    if not filling.cash:
        return None
    act = ledger.act_of(actor, "marking.cash", reference, card.today, card.now)
    source, destination = Account(AccountKind.AGENT_CASH, actor.membership_id), Account(AccountKind.SAVINGS, card.id)
    return ledger.post(act, [Movement(source, destination, filling.cash)]).entry_id


def _write(actor: Actor, card: Card, filling: Filling, facts: dict) -> int:
    """The collection and its markings, in one statement; returns the collection's id."""
    values = {
        "business_id": card.business_id,
        "account_id": card.id,
        "collector_id": actor.membership_id,
        "method": Method.CASH,
        "amount": filling.cash,
        "credit_change": filling.credit_change,
        "at": card.now,
    }
    collection = insert(Collection).values(values | facts).returning(Collection.id).cte("collection")
    slots = (
        func.unnest(
            db.cast([slot.date for slot in filling.slots], ARRAY(Date)),
            db.cast([slot.amount for slot in filling.slots], ARRAY(BigInteger)),
            db.cast([slot.cycle for slot in filling.slots], ARRAY(SmallInteger)),
        )
        .table_valued("date", "amount", "cycle", name="slots")
        .render_derived()
    )
    account, paid = db.literal(card.id), db.literal(MarkingStatus.PAID.value)
    business = db.literal(card.business_id)
    rows = select(business, account, collection.c.id, slots.c.date, slots.c.amount, slots.c.cycle, paid)
    names = ["business_id", "account_id", "collection_id", "slot_date", "amount", "cycle", "status"]
    marked = insert(Marking).from_select(names, rows.select_from(collection).join(slots, db.true())).cte("marked")
    return db.session.scalar(select(collection.c.id).add_cte(marked))


def _with_paid(card: Card, filling: Filling) -> Card:
    """The card with the slots paid and the cash in its balance."""
    paid = card.plan.paid | {slot.date: (slot.amount, slot.cycle) for slot in filling.slots}
    marked = card.after(balance=card.balance + filling.cash, taken=card.taken)
    return replace(marked, plan=replace(card.plan, paid=paid))


def _keep(card: Card, state: State, credit: int) -> None:
    if (state, credit) != (card.row["state"], card.row["credit"]):
        set_state(card, state, credit=credit)


def _receipt(card: Card, filling: Filling, collection_id: int, collected_on: date, state: State) -> dict:
    slots = [{"date": slot.date, "amount": slot.amount, "cycle": slot.cycle} for slot in filling.slots]
    return {
        "collection_id": collection_id,
        "account_id": card.id,
        "tracking_number": card.row["tracking_number"],
        "amount": filling.cash,
        "slots": slots,
        "credit": card.row["credit"] + filling.credit_change,
        "balance": card.balance,
        "state": state,
        "collected_on": collected_on,
        "at": card.now,
    }


@verb
def reverse(*, actor: Actor, collection_id: int, reason: str) -> dict:
    """Take a collection back: its slots open again, its money and commission return.

    The recorder may for the minutes of the setting, an admin always. Raises NotFound, ReversalClosed, AlreadyReversed,
    CreditUsed, InsufficientFunds (when the customer has taken the money out).
    """
    found = queries.collection(actor, collection_id)
    card = locked_card(actor, found["account_id"])
    collection = _lock(actor, collection_id)
    recorder = collection.collector_id == actor.membership_id
    minutes = card.row["reversal_minutes"]
    times = {"at": collection.at, "now": card.now, "minutes": minutes}
    if not may_reverse(is_admin=actor.role == Role.ADMIN, is_recorder=recorder, **times):
        raise ReversalClosed
    if collection.reversed_at is not None:
        raise AlreadyReversed
    if card.row["credit"] < collection.credit_change:
        raise CreditUsed
    cause = f"reversal:{collection.id}"
    reopened = _reopen(card, collection_id)
    remaining = _claw_back(actor, card, reopened, cause)
    if collection.entry_id is not None:
        act = ledger.act_of(actor, "marking.reversed", cause, card.today, card.now)
        ledger.reverse(act, collection.entry_id)
    settle(actor, remaining, cause)
    _keep(card, _state_after(card, remaining), card.row["credit"] - collection.credit_change)
    collection.reversed_at, collection.reversed_by_id = card.now, actor.membership_id
    collection.reversal_reason = reason
    db.session.flush()
    after = {"reason": reason, "amount": collection.amount, "slots": reopened}
    audit.record("markings.reversed", "collection", collection_id, actor=actor, after=after)
    return queries.collection(actor, collection_id)


def _lock(actor: Actor, collection_id: int) -> Collection:
    mine = (Collection.business_id == actor.business_id) & (Collection.id == collection_id)
    collection = db.session.scalar(select(Collection).where(mine).with_for_update())
    if collection is None:
        raise NotFound
    return collection


def _reopen(card: Card, collection_id: int) -> list[date]:
    """Reverse the markings of a collection; returns their dates."""
    own = (Marking.business_id == card.business_id) & (Marking.collection_id == collection_id)
    reversed_ = update(Marking).where(own).values(status=MarkingStatus.REVERSED).returning(Marking.slot_date)
    return sorted(db.session.scalars(reversed_.execution_options(synchronize_session=False)))


def _claw_back(actor: Actor, card: Card, reopened: Sequence[date], cause: str) -> Card:
    """Give back the commission of cycles that are no longer started, and of cycles reckoned at their end.

    Returns the card without the reopened slots; what is still due of a cycle reckoned at its end is then taken anew.
    """
    paid = {day: slot for day, slot in card.plan.paid.items() if day not in set(reopened)}
    started = {cycle for _, cycle in paid.values()}
    touched = {card.plan.paid[day][1] for day in reopened} & card.taken
    back = touched if card.policy.earned == Earned.CYCLE_END else touched - started
    for cycle in sorted(back):
        claw_back(occasion(actor, card, cause), cycle)
    return replace(card, plan=replace(card.plan, paid=paid), taken=card.taken - back)


def _state_after(card: Card, remaining: Card) -> State:
    if card.plan.ended_on is not None:
        return State.COMPLETED
    return State.IN_PROGRESS if remaining.plan.paid else State.NOT_STARTED
