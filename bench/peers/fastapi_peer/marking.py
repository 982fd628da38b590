"""Cash taken on an account: one transaction with the ledger, the receipt, the audit row and the idempotency key."""

import hashlib
import secrets
from datetime import UTC, datetime

from fastapi import HTTPException
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bench.peers import plan, tokens
from bench.peers.fastapi_peer import savings
from bench.peers.fastapi_peer.callers import Caller
from bench.peers.fastapi_peer.models import (
    AuditEvent,
    Collection,
    IdempotencyKey,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    Marking,
    Outbox,
    ReceiptCounter,
    SavingsAccount,
)
from bench.peers.fastapi_peer.schemas import CollectIn, MarkedSlotOut, ReceiptOut

OPEN = ("not_started", "in_progress")


async def claim(session: AsyncSession, caller: Caller, key: str, account_id: int, body: CollectIn) -> bytes | None:
    """Claim an idempotency key for this transaction, or return the answer it was given before; 422 for another body."""
    text = f"markings {account_id} {caller.active.business_id} {body.model_dump_json()}"
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    values = {"user_id": caller.id, "key": key, "fingerprint": fingerprint}
    claimed = insert(IdempotencyKey).values(values).on_conflict_do_nothing().returning(IdempotencyKey.key)
    if await session.scalar(claimed) is not None:
        return None
    stored = await session.get(IdempotencyKey, (caller.id, key))
    if stored.fingerprint != fingerprint:
        raise HTTPException(422, "this key was used for another request")
    return stored.body


async def collect(session: AsyncSession, caller: Caller, account_id: int, body: CollectIn, key: str) -> bytes:
    """Take cash for the oldest open days. Returns the receipt, encoded; the caller commits."""
    replay = await claim(session, caller, key, account_id, body)
    if replay is not None:
        return replay
    place, now = caller.active, datetime.now(UTC)
    await session.scalar(select(SavingsAccount.id).where(SavingsAccount.id == account_id).with_for_update())
    account = await savings.loaded(session, place, account_id)
    slots = await savings.slots_of(session, account)
    chosen = _oldest_open(account, slots, body.days)
    amount = sum(slot.amount for slot in chosen)
    entry, balance = await _post(session, caller, account, amount, now)
    account.state = "in_progress" if any(not slot.paid for slot in slots if slot not in chosen) else "completed"
    collection = await _write(session, caller, account, chosen, entry, now)
    receipt = ReceiptOut(
        currency=place.currency,
        collection_id=collection.id,
        receipt_number=collection.number,
        account_id=account.id,
        tracking_number=account.tracking_number,
        amount=amount,
        slots=[MarkedSlotOut(date=slot.date, amount=slot.amount, cycle=slot.cycle) for slot in chosen],
        credit=account.credit,
        check_code=tokens.check_code(place.business_id, collection.id),
        commission=0,
        balance=balance,
        state=account.state,
        collected_on=collection.collected_on,
        at=now,
    )
    _tell(session, caller, account, receipt)
    answer = receipt.model_dump_json().encode()
    mine = (IdempotencyKey.user_id == caller.id) & (IdempotencyKey.key == key)
    await session.execute(update(IdempotencyKey).where(mine).values(status=201, body=answer))
    return answer


def _oldest_open(account: SavingsAccount, slots: list[plan.Slot], days: int) -> list[plan.Slot]:
    if account.state not in OPEN or account.customer.status not in ("active", "invited"):
        raise HTTPException(409, "this account takes no money")
    chosen = [slot for slot in slots if not slot.paid][:days]
    if len(chosen) < days:
        raise HTTPException(409, "that is more than the plan still has open")
    if any(slot.cycle not in savings.charged(account) for slot in chosen):
        raise HTTPException(501, "this benchmark takes no commission")
    return chosen


async def _post(
    session: AsyncSession, caller: Caller, account: SavingsAccount, amount: int, now: datetime
) -> tuple[LedgerEntry, int]:
    """Move the cash from what the collector holds to the savings; returns the entry and the new balance."""
    place = caller.active
    sides = [("agent_cash", place.membership_id), ("savings", account.id)]
    query = select(LedgerAccount).where(LedgerAccount.business_id == place.business_id)
    either = (LedgerAccount.kind == sides[0][0]) & (LedgerAccount.owner_id == sides[0][1])
    either |= (LedgerAccount.kind == sides[1][0]) & (LedgerAccount.owner_id == sides[1][1])
    found = await session.scalars(query.where(either).order_by(LedgerAccount.id).with_for_update())
    source, destination = sorted(found, key=lambda one: one.kind)
    source.balance -= amount
    destination.balance += amount
    entry = LedgerEntry(
        business_id=place.business_id,
        kind="marking.cash",
        reference=f"collection:{secrets.token_hex(8)}",
        membership_id=place.membership_id,
        business_day=savings.today(place),
        at=now,
    )
    session.add(entry)
    await session.flush()
    moved = {"source_id": source.id, "destination_id": destination.id, "amount": amount}
    after = {"source_balance": source.balance, "destination_balance": destination.balance}
    session.add(LedgerPosting(entry_id=entry.id, **moved, **after))
    return entry, destination.balance


async def _write(
    session: AsyncSession,
    caller: Caller,
    account: SavingsAccount,
    chosen: list[plan.Slot],
    entry: LedgerEntry,
    now: datetime,
) -> Collection:
    """The collection, with the next number of its collector, and the slots it pays."""
    place = caller.active
    counter = insert(ReceiptCounter).values(collector_id=place.membership_id, issued=1)
    counter = counter.on_conflict_do_update(
        index_elements=[ReceiptCounter.collector_id], set_={"issued": ReceiptCounter.issued + 1}
    )
    collection = Collection(
        business_id=place.business_id,
        account_id=account.id,
        collector_id=place.membership_id,
        number=await session.scalar(counter.returning(ReceiptCounter.issued)),
        method="cash",
        amount=sum(slot.amount for slot in chosen),
        credit_change=0,
        collected_on=savings.today(place),
        entry_id=entry.id,
        at=now,
    )
    session.add(collection)
    await session.flush()
    paid = {"account_id": account.id, "collection_id": collection.id, "status": "paid"}
    session.add_all(Marking(slot_date=s.date, amount=s.amount, cycle=s.cycle, **paid) for s in chosen)
    return collection


def _tell(session: AsyncSession, caller: Caller, account: SavingsAccount, receipt: ReceiptOut) -> None:
    """The audit row, and what the customer is to be told."""
    place, facts = caller.active, receipt.model_dump(mode="json")
    who = {"user_id": caller.id, "membership_id": place.membership_id, "business_id": place.business_id}
    about = {"object_type": "collection", "object_id": receipt.collection_id}
    session.add(AuditEvent(action="markings.collected", after=facts, **who, **about))
    told = {"topic": "markings.collected", "member_id": account.customer_id, "business_id": place.business_id}
    session.add(Outbox(facts=facts, **told))
