"""Verbs of marking: collect and reverse."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select, update

from blueprints.commissions.rules import Charge, outdated
from blueprints.commissions.services import give_back
from blueprints.markings import queries
from blueprints.markings.models import Collection
from blueprints.markings.rules import (
    CreditUsed,
    Filling,
    Method,
    ReversalClosed,
    check_day,
    fill,
    may_reverse,
    told_days,
)
from blueprints.savings.models import Marking
from blueprints.savings.queries import Card, locked_card
from blueprints.savings.rules import OPEN_STATES, AccountClosed, MarkingStatus, NotACustomer, State
from blueprints.savings.services import act_on, occasion, settlement, write
from blueprints.settings.rules import AccountKind
from ofektom import audit, ledger, response_cache
from ofektom.database import apply, only, verb
from ofektom.extensions import db
from ofektom.identity import Actor, MembershipStatus, Role
from ofektom.ledger import Account, AlreadyReversed, Entry, InsufficientFunds, Movement
from ofektom.outbox import Tell
from ofektom.plain import Statement


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
    marked = _with_paid(card, filling)
    settled = settlement(actor, marked, cause)
    ledger.post(act_on(actor, card), *_cash_entries(actor, card, filling, cause), *settled.entries)
    facts = {"collected_on": collected_on, "client_time": client_time, "reference": cause}
    written = _write(actor, card, filling, facts)
    settled.record()
    state = State.COMPLETED if marked.plan.is_paid_up() else State.IN_PROGRESS
    write(card, state=state, credit=card.row["credit"] + filling.credit_change)
    receipt = _receipt(settled.card, filling, written, collected_on, state) | {"commission": settled.total}
    code = queries.check_code(card.business_id, written["id"])
    tell = _told(actor, card, receipt, code)
    audit.record("markings.collected", "collection", written["id"], actor=actor, after=receipt, tell=tell)
    return receipt | {"check_code": code}


def _check_open(card: Card) -> None:
    if card.row["state"] not in OPEN_STATES:
        raise AccountClosed
    if card.row["customer_status"] not in (MembershipStatus.ACTIVE, MembershipStatus.INVITED):
        raise NotACustomer


def _cash_entries(actor: Actor, card: Card, filling: Filling, reference: str) -> list[Entry]:
    """The entry of the cash; none when credit paid for everything."""
    if not filling.cash:
        return []
    source, destination = Account(AccountKind.AGENT_CASH, actor.membership_id), Account(AccountKind.SAVINGS, card.id)
    return [Entry("marking.cash", reference, [Movement(source, destination, filling.cash)])]


_COLLECT = Statement(
    """
    WITH collection AS (
        INSERT INTO collections (business_id, account_id, collector_id, method, amount, credit_change, collected_on,
            client_time, entry_id, at)
        VALUES (%(business_id)s, %(account_id)s, %(collector_id)s, %(method)s, %(amount)s, %(credit_change)s,
            %(collected_on)s, %(client_time)s, (SELECT id FROM ledger_entries
                WHERE business_id = %(business_id)s AND reference = %(reference)s), %(at)s)
        RETURNING business_id, account_id, id, number
    ), marked AS (
        INSERT INTO markings (business_id, account_id, collection_id, slot_date, amount, cycle, status)
        SELECT c.business_id, c.account_id, c.id, slots.date, slots.amount, slots.cycle, 'paid'
        FROM collection c, unnest(%(dates)s::date[], %(amounts)s::bigint[], %(cycles)s::smallint[])
            AS slots (date, amount, cycle)
    )
    SELECT id, number FROM collection
    """
)


def _write(actor: Actor, card: Card, filling: Filling, facts: dict) -> dict:
    """The collection and its markings, in one statement; returns the collection's `id` and its receipt's `number`."""
    values = {
        "business_id": card.business_id,
        "account_id": card.id,
        "collector_id": actor.membership_id,
        "method": Method.CASH.value,
        "amount": filling.cash,
        "credit_change": filling.credit_change,
        "at": card.now,
        "dates": [slot.date for slot in filling.slots],
        "amounts": [slot.amount for slot in filling.slots],
        "cycles": [slot.cycle for slot in filling.slots],
    }
    [row] = _COLLECT.run(values | facts)
    return row


def _with_paid(card: Card, filling: Filling) -> Card:
    """The card with the slots paid and the cash in its balance."""
    marked = card.after(balance=card.balance + filling.cash, taken=card.taken)
    return replace(marked, plan=card.plan.with_paid(filling.slots))


def _receipt(card: Card, filling: Filling, written: dict, collected_on: date, state: State) -> dict:
    slots = [{"date": slot.date, "amount": slot.amount, "cycle": slot.cycle} for slot in filling.slots]
    return {
        "collection_id": written["id"],
        "receipt_number": written["number"],
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


def _told(actor: Actor, card: Card, receipt: dict, check_code: str) -> list[Tell]:
    """What the customer is told: of every collection, so that nobody can take cash and record less."""
    names = ("account_id", "tracking_number", "amount", "credit", "balance", "collected_on")
    facts = {name: receipt[name] for name in names} | told_days([slot["date"] for slot in receipt["slots"]])
    facts |= {"currency": actor.currency, "collection_id": receipt["collection_id"], "check_code": check_code}
    told = [Tell("markings.collected", card.row["customer_id"], facts)]
    if receipt["state"] == State.COMPLETED:
        about = {name: facts[name] for name in ("account_id", "tracking_number", "balance", "currency")}
        told.append(Tell("savings.completed", card.row["customer_id"], about))
    return told


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
    remaining, outdated_charges = _without(card, collection, reopened)
    entries = give_back(occasion(actor, card, cause), set(outdated_charges))
    if collection.entry_id is not None:
        entries.append(ledger.reversal(card.business_id, collection.entry_id, "marking.reversed", cause))
    settled = settlement(actor, remaining, cause, earned_before=outdated_charges)
    credit = card.row["credit"] - collection.credit_change
    if settled.card.balance < settled.card.reserved + credit:
        raise InsufficientFunds(account=AccountKind.SAVINGS, available=card.balance)
    ledger.post(act_on(actor, card), *entries, *settled.entries)
    settled.record()
    write(card, state=_state_after(card, settled.card), credit=credit)
    apply(collection, {"reversed_at": card.now, "reversed_by_id": actor.membership_id, "reversal_reason": reason})
    after = {"reason": reason, "amount": collection.amount, "slots": reopened}
    facts = told_days(reopened) | {"tracking_number": card.row["tracking_number"], "account_id": card.id}
    facts |= {"collection_id": collection_id, "amount": collection.amount, "reason": reason}
    facts |= {"balance": settled.card.balance, "currency": actor.currency}
    tell = [Tell("markings.reversed", card.row["customer_id"], facts)]
    audit.record("markings.reversed", "collection", collection_id, actor=actor, after=after, tell=tell)
    code = queries.check_code(card.business_id, collection_id)
    for place in ("/api/v1/receipts", "/r"):
        response_cache.forget(f"{place}/{code}")
    return queries.collection(actor, collection_id)


def _lock(actor: Actor, collection_id: int) -> Collection:
    mine = (Collection.business_id == actor.business_id) & (Collection.id == collection_id)
    return only(select(Collection).where(mine).with_for_update(key_share=True))


def _reopen(card: Card, collection_id: int) -> list[date]:
    """Reverse the markings of a collection; returns their dates."""
    own = (Marking.business_id == card.business_id) & (Marking.collection_id == collection_id)
    reversed_ = update(Marking).where(own).values(status=MarkingStatus.REVERSED).returning(Marking.slot_date)
    return sorted(db.session.scalars(reversed_.execution_options(synchronize_session=False)))


def _without(card: Card, collection: Collection, reopened: Sequence[date]) -> tuple[Card, dict[int, Charge]]:
    """The card without a collection, and the charges of the cycles it touched that are no longer right."""
    paid = {day: slot for day, slot in card.plan.paid.items() if day not in set(reopened)}
    plan = replace(card.plan, paid=paid)
    touched = {card.plan.paid[day][1] for day in reopened}
    charges = {cycle: charge for cycle, charge in card.taken.items() if cycle in touched}
    back = {cycle: charges[cycle] for cycle in outdated(card.policy, plan.cycles(card.today), charges)}
    returned = sum(charge.amount for charge in back.values())
    kept = {cycle: charge for cycle, charge in card.taken.items() if cycle not in back}
    remaining = card.after(balance=card.balance + returned - collection.amount, taken=kept)
    return replace(remaining, plan=plan), back


def _state_after(card: Card, remaining: Card) -> State:
    if card.plan.ended_on is not None or remaining.plan.is_paid_up():
        stays = card.row["state"] == State.PAID_OUT and remaining.balance == 0
        return State.PAID_OUT if stays else State.COMPLETED
    return State.IN_PROGRESS if remaining.plan.paid else State.NOT_STARTED
