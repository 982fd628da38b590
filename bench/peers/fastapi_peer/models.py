"""The tables, in the schema that the connection's search_path names."""

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

TEXT = String(300)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {int: BigInteger, datetime: TIMESTAMP(timezone=True), str: TEXT}


class Business(Base):
    __tablename__ = "businesses"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    currency: Mapped[str] = mapped_column(String(3))
    timezone: Mapped[str] = mapped_column(String(64))
    is_active: Mapped[bool]


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str | None] = mapped_column(String(40), unique=True)
    phone: Mapped[str | None] = mapped_column(String(16), unique=True)
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    full_name: Mapped[str]
    secret_hash: Mapped[str | None]
    secret_kind: Mapped[str | None] = mapped_column(String(8))
    auth_version: Mapped[int] = mapped_column(default=1)
    is_super_admin: Mapped[bool]
    is_active: Mapped[bool]


class Membership(Base):
    __tablename__ = "memberships"

    id: Mapped[int] = mapped_column(primary_key=True)
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(12))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"), index=True)
    full_name: Mapped[str]

    business: Mapped[Business] = relationship()


class Session(Base):
    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    business_id: Mapped[int | None] = mapped_column(ForeignKey("businesses.id"))
    device: Mapped[str | None]
    address: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


class RefreshToken(Base):
    __tablename__ = "refresh_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime | None]


class Holiday(Base):
    __tablename__ = "holidays"

    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str]


class SavingsAccount(Base):
    __tablename__ = "savings_accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"), index=True)
    tracking_number: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(8))
    label: Mapped[str | None]
    state: Mapped[str] = mapped_column(String(12))
    credit: Mapped[int]
    start: Mapped[date]
    ended_on: Mapped[date | None]
    rolled_from_id: Mapped[int | None]
    reference: Mapped[str | None] = mapped_column(String(40))
    opening_balance: Mapped[int]
    cycle_kind: Mapped[str] = mapped_column(String(15))
    cycle_days: Mapped[int] = mapped_column(SmallInteger)
    commission_kind: Mapped[str] = mapped_column(String(10))
    commission_earned: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]

    customer: Mapped[Membership] = relationship()
    terms: Mapped[list["SavingsTerms"]] = relationship(order_by="SavingsTerms.id")
    markings: Mapped[list["Marking"]] = relationship()
    commissions: Mapped[list["Commission"]] = relationship()

    __table_args__ = (
        UniqueConstraint("business_id", "tracking_number"),
        CheckConstraint("credit >= 0"),
        Index("ix_savings_accounts_of_business", "business_id", "id"),
        Index("ix_savings_accounts_state", "business_id", "state", "id"),
    )


class SavingsTerms(Base):
    __tablename__ = "savings_terms"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("savings_accounts.id"), index=True)
    effective_from: Mapped[date]
    contribution: Mapped[int]
    weekdays: Mapped[int] = mapped_column(SmallInteger)
    cycles: Mapped[int | None] = mapped_column(SmallInteger)
    target_amount: Mapped[int | None]
    end_date: Mapped[date | None]


class Commission(Base):
    __tablename__ = "commissions"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("savings_accounts.id"), index=True)
    cycle: Mapped[int]
    status: Mapped[str] = mapped_column(String(12))


class LedgerAccount(Base):
    __tablename__ = "ledger_accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id"))
    kind: Mapped[str] = mapped_column(String(30))
    owner_id: Mapped[int]
    balance: Mapped[int]
    floor: Mapped[int | None]
    ceiling: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("business_id", "kind", "owner_id"),
        CheckConstraint("balance >= floor AND balance <= ceiling"),
    )


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id"))
    kind: Mapped[str] = mapped_column(String(40))
    reference: Mapped[str] = mapped_column(String(80))
    membership_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    business_day: Mapped[date]
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("business_id", "reference"),)


class LedgerPosting(Base):
    __tablename__ = "ledger_postings"

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entries.id"), index=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("ledger_accounts.id"))
    destination_id: Mapped[int] = mapped_column(ForeignKey("ledger_accounts.id"))
    amount: Mapped[int]
    source_balance: Mapped[int]
    destination_balance: Mapped[int]

    __table_args__ = (
        CheckConstraint("amount > 0"),
        Index("ix_ledger_postings_source", "source_id", "id"),
        Index("ix_ledger_postings_destination", "destination_id", "id"),
    )


class Collection(Base):
    __tablename__ = "collections"

    id: Mapped[int] = mapped_column(primary_key=True)
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("savings_accounts.id"))
    collector_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    number: Mapped[int]
    method: Mapped[str] = mapped_column(String(13))
    amount: Mapped[int]
    credit_change: Mapped[int]
    collected_on: Mapped[date]
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entries.id"))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("collector_id", "number"),
        CheckConstraint("amount >= 0"),
        Index("ix_collections_account", "account_id", "id"),
        Index("ix_collections_day", "business_id", "collected_on", "id"),
    )


class Marking(Base):
    __tablename__ = "markings"

    id: Mapped[int] = mapped_column(primary_key=True)
    # The unique index below is no help to a statement whose status is a parameter.
    account_id: Mapped[int] = mapped_column(ForeignKey("savings_accounts.id"), index=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"), index=True)
    slot_date: Mapped[date]
    amount: Mapped[int]
    cycle: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str] = mapped_column(String(8))

    __table_args__ = (
        CheckConstraint("amount > 0"),
        Index("uq_markings_slot", "account_id", "slot_date", unique=True, postgresql_where=text("status = 'paid'")),
    )


class ReceiptCounter(Base):
    __tablename__ = "receipt_counters"

    collector_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"), primary_key=True, autoincrement=False)
    issued: Mapped[int]


class AuditEvent(Base):
    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    business_id: Mapped[int]
    user_id: Mapped[int | None]
    membership_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[int | None]
    after: Mapped[dict | None] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("ix_audit_events_object", "business_id", "object_type", "object_id", "id"),
        Index("ix_audit_events_action", "business_id", "action", "id"),
        Index("ix_audit_events_member", "business_id", "membership_id", "id"),
    )


class Outbox(Base):
    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    business_id: Mapped[int]
    topic: Mapped[str] = mapped_column(String(60))
    member_id: Mapped[int | None]
    facts: Mapped[dict] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
