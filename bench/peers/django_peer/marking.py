"""Cash taken on an account: one transaction with the ledger, the receipt, the audit row and the idempotency key."""

import hashlib
import secrets

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework.exceptions import APIException, NotFound
from rest_framework.renderers import JSONRenderer

from bench.peers import plan, tokens
from bench.peers.django_peer import savings
from bench.peers.django_peer.callers import Caller
from bench.peers.django_peer.models import (
    AuditEvent,
    Collection,
    IdempotencyKey,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    Marking,
    Outbox,
    SavingsAccount,
)
from bench.peers.django_peer.serializers import ReceiptSerializer

OPEN = ("not_started", "in_progress")


class Refused(APIException):
    status_code = 409


class KeyReused(APIException):
    status_code = 422


@transaction.atomic
def collect(caller: Caller, account_id: int, days: int, key: str) -> bytes:
    """Take cash for the oldest open days. Returns the receipt, encoded."""
    claimed, replay = _claim(caller, key, f"markings {account_id} {caller.active.business_id} {days}")
    if replay is not None:
        return replay
    place, now = caller.active, timezone.now()
    if SavingsAccount.objects.select_for_update().filter(id=account_id).first() is None:
        raise NotFound
    account = savings.loaded(savings.visible(place).select_related("customer"), account_id)
    slots = savings.slots_of(account)
    chosen = _oldest_open(account, slots, days)
    entry, balance = _post(caller, account, sum(slot.amount for slot in chosen), now)
    account.state = "in_progress" if any(not slot.paid for slot in slots if slot not in chosen) else "completed"
    account.save(update_fields=["state", "credit"])
    collection = _write(caller, account, chosen, entry, now)
    receipt = ReceiptSerializer(_receipt(caller, account, collection, chosen, balance)).data
    _tell(caller, account, collection, receipt)
    claimed.status, claimed.body = 201, JSONRenderer().render(receipt)
    claimed.save(update_fields=["status", "body"])
    return claimed.body


def _claim(caller: Caller, key: str, request: str) -> tuple[IdempotencyKey | None, bytes | None]:
    """The key, claimed for this transaction, or the answer it was given before; KeyReused for another request."""
    fingerprint = hashlib.sha256(request.encode()).hexdigest()
    mine = {"user_id": caller.id, "key": key}
    stored, is_new = IdempotencyKey.objects.get_or_create(**mine, defaults={"fingerprint": fingerprint})
    if is_new:
        return stored, None
    if stored.fingerprint != fingerprint:
        raise KeyReused("this key was used for another request")
    return None, bytes(stored.body)


def _oldest_open(account: SavingsAccount, slots: list[plan.Slot], days: int) -> list[plan.Slot]:
    if account.state not in OPEN or account.customer.status not in ("active", "invited"):
        raise Refused("this account takes no money")
    chosen = [slot for slot in slots if not slot.paid][:days]
    if len(chosen) < days:
        raise Refused("that is more than the plan still has open")
    if any(slot.cycle not in savings.charged(account) for slot in chosen):
        raise NotImplementedError("this benchmark takes no commission")
    return chosen


def _post(caller: Caller, account: SavingsAccount, amount: int, now) -> tuple[LedgerEntry, int]:
    """Move the cash from what the collector holds to the savings; returns the entry and the new balance."""
    place = caller.active
    sides = Q(kind="agent_cash", owner_id=place.membership_id) | Q(kind="savings", owner_id=account.id)
    found = LedgerAccount.objects.filter(sides, business_id=place.business_id).order_by("id").select_for_update()
    source, destination = sorted(found, key=lambda one: one.kind)
    source.balance -= amount
    destination.balance += amount
    LedgerAccount.objects.bulk_update([source, destination], ["balance"])
    entry = LedgerEntry.objects.create(
        business_id=place.business_id,
        kind="marking.cash",
        reference=f"collection:{secrets.token_hex(8)}",
        membership_id=place.membership_id,
        business_day=savings.today(place),
        at=now,
    )
    LedgerPosting.objects.create(
        entry=entry,
        source=source,
        destination=destination,
        amount=amount,
        source_balance=source.balance,
        destination_balance=destination.balance,
    )
    return entry, destination.balance


NEXT_NUMBER = """
    INSERT INTO receipt_counters AS counter (collector_id, issued) VALUES (%s, 1)
    ON CONFLICT (collector_id) DO UPDATE SET issued = counter.issued + 1 RETURNING issued
"""


def _next_number(collector_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER, [collector_id])
        return cursor.fetchone()[0]


def _write(caller: Caller, account: SavingsAccount, chosen: list[plan.Slot], entry: LedgerEntry, now) -> Collection:
    """The collection, with the next number of its collector, and the slots it pays."""
    place = caller.active
    collection = Collection.objects.create(
        business_id=place.business_id,
        account=account,
        collector_id=place.membership_id,
        number=_next_number(place.membership_id),
        method="cash",
        amount=sum(slot.amount for slot in chosen),
        credit_change=0,
        collected_on=savings.today(place),
        entry=entry,
        at=now,
    )
    paid = {"account": account, "collection": collection, "status": "paid"}
    Marking.objects.bulk_create(Marking(slot_date=s.date, amount=s.amount, cycle=s.cycle, **paid) for s in chosen)
    return collection


def _receipt(
    caller: Caller, account: SavingsAccount, collection: Collection, chosen: list[plan.Slot], balance: int
) -> dict:
    return {
        "currency": caller.active.currency,
        "collection_id": collection.id,
        "receipt_number": collection.number,
        "account_id": account.id,
        "tracking_number": account.tracking_number,
        "amount": collection.amount,
        "slots": chosen,
        "credit": account.credit,
        "check_code": tokens.check_code(collection.business_id, collection.id),
        "commission": 0,
        "balance": balance,
        "state": account.state,
        "collected_on": collection.collected_on,
        "at": collection.at,
    }


def _tell(caller: Caller, account: SavingsAccount, collection: Collection, receipt: dict) -> None:
    """The audit row, and what the customer is to be told."""
    place, topic = caller.active, "markings.collected"
    who = {"business_id": place.business_id, "user_id": caller.id, "membership_id": place.membership_id}
    about = {"object_type": "collection", "object_id": collection.id}
    AuditEvent.objects.create(action=topic, after=receipt, **who, **about)
    Outbox.objects.create(business_id=place.business_id, topic=topic, member_id=account.customer_id, facts=receipt)
