"""What happened: one row for every act, written in the act's own transaction and never changed.

Rows are sealed afterwards into a hash chain per business (`seal`), so that writing stays cheap and a row removed or
altered behind the application's back is found (`broken_seals`).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import orjson
from flask import g, has_request_context
from sqlalchemy import BigInteger, Identity, Index, String, UniqueConstraint, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ofektom import outbox
from ofektom.extensions import db
from ofektom.identity import Actor, moment, row_id
from ofektom.outbox import Tell
from ofektom.plain import Statement

PLATFORM = 0  # the business_id of acts that belong to no business
GENESIS = "0" * 64
SEAL_LOCK = 0x0FE70
SEAL_BATCH = 1000


class AuditEvent(db.Model):
    """One act. `business_id` is PLATFORM for acts of no business, so it refers to nothing. Append-only by trigger."""

    __tablename__ = "audit_events"

    business_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[int] = row_id()
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    membership_id: Mapped[int | None] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    before: Mapped[dict | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict | None] = mapped_column(JSONB(none_as_null=True))
    request_id: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime] = moment(server_default=func.now())
    seal_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index(None, "business_id", "object_type", "object_id", "id"),
        Index(None, "business_id", "object_type", "id"),
        Index(None, "business_id", "action", "id"),
        Index(None, "business_id", "membership_id", "id"),
        Index(None, "business_id", "request_id"),
        Index("ix_audit_events_unsealed", "business_id", "id", postgresql_where=seal_id.column.is_(None)),
        Index("ix_audit_events_seal", "business_id", "seal_id", "id"),
    )


class AuditSeal(db.Model):
    """One link of a business's chain: the digest of the link before and of the rows this one covers."""

    __tablename__ = "audit_seals"

    business_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column()
    digest: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = moment(server_default=func.now())

    __table_args__ = (UniqueConstraint("business_id", "position"),)


_INSERT = """
    INSERT INTO audit_events (business_id, user_id, membership_id, action, object_type, object_id, before, after,
        request_id)
    VALUES (%(business_id)s, %(user_id)s, %(membership_id)s, %(action)s, %(object_type)s, %(object_id)s, %(before)s,
        %(after)s, %(request_id)s)
"""
_RECORD = Statement(_INSERT)
_RECORD_AND_TELL = Statement(outbox.WRITE + _INSERT)


def record(
    action: str,
    object_type: str,
    object_id: int | None,
    *,
    actor: Actor | None,
    business_id: int | None = None,
    before: dict | None = None,
    after: dict | None = None,
    tell: Sequence[Tell] = (),
) -> None:
    """Write one audit row in the current transaction. `before` and `after` hold only what changed, never a secret.

    The business is the actor's unless given; an actor of None is the system or somebody not signed in. What there is
    to `tell` of the act is written by the same statement (`ofektom/outbox.py`).
    """
    if business_id is None:
        business_id = (actor and actor.business_id) or PLATFORM
    own_business = actor is not None and actor.business_id == business_id
    values = {
        "business_id": business_id,
        "user_id": actor.user_id if actor else None,
        "membership_id": actor.membership_id if own_business else None,
        "action": action,
        "object_type": object_type,
        "object_id": object_id,
        "before": _json(before),
        "after": _json(after),
        "request_id": g.get("request_id") if has_request_context() else None,
    }
    if tell:
        _RECORD_AND_TELL.later(values | outbox.columns(tell))
    else:
        _RECORD.later(values)


def _json(facts: dict | None) -> str | None:
    return None if facts is None else orjson.dumps(facts).decode()


def seal(business_id: int) -> int:
    """Seal up to SEAL_BATCH unsealed rows of a business into its chain; returns how many. Run inside a verb."""
    db.session.execute(select(func.pg_advisory_xact_lock(SEAL_LOCK, func.hashint8(business_id))))
    unsealed = (
        select(AuditEvent)
        .where(AuditEvent.business_id == business_id, AuditEvent.seal_id.is_(None))
        .order_by(AuditEvent.id)
        .limit(SEAL_BATCH)
    )
    events = db.session.scalars(unsealed).all()
    if not events:
        return 0
    last = _chain(business_id).order_by(AuditSeal.position.desc()).limit(1)
    previous = db.session.execute(last).first()
    link = AuditSeal(
        business_id=business_id,
        position=previous.position + 1 if previous else 1,
        rows=len(events),
        digest=_digest(previous.digest if previous else GENESIS, events),
    )
    db.session.add(link)
    db.session.flush()
    ids = [event.id for event in events]
    mine = (AuditEvent.business_id == business_id) & AuditEvent.id.in_(ids)
    db.session.execute(update(AuditEvent).where(mine).values(seal_id=link.id))
    return len(events)


def broken_seals(business_id: int) -> list[int]:
    """The positions of a business's chain at which rows or links do not match their digest; 0 when a seal is gone."""
    broken, previous, expected = [], GENESIS, 1
    for link in db.session.execute(_chain(business_id).order_by(AuditSeal.position)):
        covered = (
            select(AuditEvent)
            .where(AuditEvent.business_id == business_id, AuditEvent.seal_id == link.id)
            .order_by(AuditEvent.id)
        )
        events = db.session.scalars(covered).all()
        if link.position != expected or len(events) != link.rows or _digest(previous, events) != link.digest:
            broken.append(link.position)
        previous, expected = link.digest, link.position + 1
    return [*broken, 0] if _sealed_without_a_seal(business_id) else broken


def _sealed_without_a_seal(business_id: int) -> bool:
    link = (AuditSeal.business_id == AuditEvent.business_id) & (AuditSeal.id == AuditEvent.seal_id)
    orphan = select(AuditEvent.id).where(AuditEvent.business_id == business_id, AuditEvent.seal_id.is_not(None))
    return db.session.scalar(orphan.where(~select(AuditSeal.id).where(link).exists()).limit(1)) is not None


def _chain(business_id: int):
    columns = (AuditSeal.id, AuditSeal.position, AuditSeal.rows, AuditSeal.digest)
    return select(*columns).where(AuditSeal.business_id == business_id)


def _digest(previous: str, events: list[AuditEvent]) -> str:
    digest = hashlib.sha256(previous.encode())
    names = ("business_id", "id", "user_id", "membership_id", "action", "object_type", "object_id")
    names += ("before", "after", "request_id", "at")
    for event in events:
        row = [getattr(event, name) for name in names]
        digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()
