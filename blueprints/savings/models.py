"""Savings accounts, the versions of their terms, and the slots that have been marked."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from blueprints.savings.rules import OPEN_STATES, MarkingStatus, PlanKind, State
from blueprints.settings.rules import ALL_WEEK, CommissionKind, CycleKind, Earned
from ofektom.extensions import db
from ofektom.identity import moment, one_of, row_id, tenant_id, within_tenant
from ofektom.money import BASIS_POINTS, MAX_AMOUNT


class SavingsAccount(db.Model):
    """The plan of one customer: the card. Its commission policy is the business's of the day it was opened.

    One that was imported has the `reference` it had elsewhere, the `opening_balance` that its customer was owed then,
    and its commission is taken here from the cycle `commission_from` on (docs/decisions/0026-imports.md).
    """

    __tablename__ = "savings_accounts"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    customer_id: Mapped[int] = mapped_column(BigInteger)
    tracking_number: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(8))
    label: Mapped[str | None] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(12), default=State.NOT_STARTED)
    credit: Mapped[int] = mapped_column(BigInteger, default=0)
    start: Mapped[date] = mapped_column(Date)
    ended_on: Mapped[date | None] = mapped_column(Date)
    rolled_from_id: Mapped[int | None] = mapped_column(BigInteger)
    cycle_kind: Mapped[str] = mapped_column(String(15))
    cycle_days: Mapped[int] = mapped_column(SmallInteger)
    commission_kind: Mapped[str] = mapped_column(String(10))
    commission_value: Mapped[int] = mapped_column(BigInteger)
    commission_cap: Mapped[int | None] = mapped_column(BigInteger)
    commission_earned: Mapped[str] = mapped_column(String(10))
    agent_share: Mapped[int] = mapped_column(Integer)
    commission_from: Mapped[int] = mapped_column(SmallInteger, default=1, server_default=text("1"))
    opening_balance: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    reference: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = moment()

    __table_args__ = (
        within_tenant("memberships", "customer_id"),
        within_tenant("savings_accounts", "rolled_from_id"),
        UniqueConstraint("business_id", "tracking_number", name="uq_savings_accounts_tracking_number"),
        UniqueConstraint("business_id", "rolled_from_id", name="uq_savings_accounts_rolled_from"),
        CheckConstraint("tracking_number ~ '^[0-9]{10}$'", name="tracking_number"),
        CheckConstraint(one_of("kind", PlanKind), name="kind"),
        CheckConstraint(one_of("state", State), name="state"),
        CheckConstraint("credit >= 0", name="credit"),
        CheckConstraint(one_of("cycle_kind", CycleKind), name="cycle_kind"),
        CheckConstraint(one_of("commission_kind", CommissionKind), name="commission_kind"),
        CheckConstraint(one_of("commission_earned", Earned), name="commission_earned"),
        CheckConstraint(f"agent_share BETWEEN 0 AND {BASIS_POINTS}", name="agent_share"),
        Index(None, "business_id", "customer_id"),
        Index(None, "business_id", "state", "id"),
        Index(None, "business_id", "kind", "id"),
        Index(
            "uq_savings_accounts_reference",
            "business_id",
            "reference",
            unique=True,
            postgresql_where=text("reference IS NOT NULL"),
        ),
        # Those still open lie among ever more that are closed.
        Index("ix_savings_accounts_open", "business_id", "id", postgresql_where=text(one_of("state", OPEN_STATES))),
    )


class SavingsTerms(db.Model):
    """A version of an account's terms, in force from `effective_from`; later rows come after earlier ones."""

    __tablename__ = "savings_terms"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    account_id: Mapped[int] = mapped_column(BigInteger)
    effective_from: Mapped[date] = mapped_column(Date)
    contribution: Mapped[int] = mapped_column(BigInteger)
    weekdays: Mapped[int] = mapped_column(SmallInteger)
    cycles: Mapped[int | None] = mapped_column(SmallInteger)
    target_amount: Mapped[int | None] = mapped_column(BigInteger)
    end_date: Mapped[date | None] = mapped_column(Date)
    created_at: Mapped[datetime] = moment()

    __table_args__ = (
        within_tenant("savings_accounts", "account_id"),
        CheckConstraint(f"contribution BETWEEN 1 AND {MAX_AMOUNT}", name="contribution"),
        CheckConstraint(f"target_amount BETWEEN 1 AND {MAX_AMOUNT}", name="target_amount"),
        CheckConstraint(f"weekdays BETWEEN 1 AND {ALL_WEEK}", name="weekdays"),
        CheckConstraint("cycles >= 1", name="cycles"),
        CheckConstraint("(cycles IS NULL) = (target_amount IS NOT NULL)", name="kind"),
        CheckConstraint("(target_amount IS NULL) = (end_date IS NULL)", name="target"),
        Index(None, "business_id", "account_id", "id"),
    )


class Marking(db.Model):
    """One slot paid: the tick on the card. At most one per account and slot is not reversed, by a unique index.

    Without a collection it was paid before the account was imported: a tick, and no money beside the opening balance.
    """

    __tablename__ = "markings"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    account_id: Mapped[int] = mapped_column(BigInteger)
    collection_id: Mapped[int | None] = mapped_column(BigInteger)
    slot_date: Mapped[date] = mapped_column(Date)
    amount: Mapped[int] = mapped_column(BigInteger)
    cycle: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str] = mapped_column(String(8), default=MarkingStatus.PAID)

    __table_args__ = (
        within_tenant("savings_accounts", "account_id"),
        within_tenant("collections", "collection_id"),
        CheckConstraint(one_of("status", MarkingStatus), name="status"),
        CheckConstraint(f"amount BETWEEN 1 AND {MAX_AMOUNT}", name="amount"),
        CheckConstraint("cycle >= 1", name="cycle"),
        Index(
            "uq_markings_slot",
            "business_id",
            "account_id",
            "slot_date",
            unique=True,
            postgresql_where=text("status <> 'reversed'"),
        ),
        Index(None, "business_id", "collection_id"),
    )
