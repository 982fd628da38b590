"""Collections: the acts of taking money in. The slots they pay are the markings of the savings slice."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, FetchedValue, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from blueprints.markings.rules import Method
from ofektom.extensions import db
from ofektom.identity import moment, one_of, row_id, tenant_id, within_tenant
from ofektom.money import MAX_AMOUNT


class Collection(db.Model):
    """Money taken in on one account in one act: what was paid, by whom recorded, and when it was taken back.

    `collected_on` is the day the collector says; `at` is the database's time. No entry when credit paid for all of it.
    `number` is the receipt's: 1, 2, 3 … of its collector, given by a trigger in the act's own transaction (0022).
    """

    __tablename__ = "collections"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    account_id: Mapped[int] = mapped_column(BigInteger)
    collector_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(BigInteger, server_default=FetchedValue())
    method: Mapped[str] = mapped_column(String(13))
    amount: Mapped[int] = mapped_column(BigInteger)
    credit_change: Mapped[int] = mapped_column(BigInteger)
    collected_on: Mapped[date] = mapped_column(Date)
    client_time: Mapped[datetime | None] = moment()
    entry_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = moment()
    reversed_at: Mapped[datetime | None] = moment()
    reversed_by_id: Mapped[int | None] = mapped_column(BigInteger)
    reversal_reason: Mapped[str | None] = mapped_column(String(300))

    __table_args__ = (
        within_tenant("savings_accounts", "account_id"),
        within_tenant("memberships", "collector_id"),
        within_tenant("memberships", "reversed_by_id"),
        within_tenant("ledger_entries", "entry_id"),
        CheckConstraint(one_of("method", Method), name="method"),
        CheckConstraint(f"amount BETWEEN 0 AND {MAX_AMOUNT}", name="amount"),
        CheckConstraint("(amount = 0) = (entry_id IS NULL)", name="entry"),
        CheckConstraint("(reversed_at IS NULL) = (reversal_reason IS NULL)", name="reversal"),
        CheckConstraint("number >= 1", name="number"),
        Index("uq_collections_number", "business_id", "collector_id", "number", unique=True),
        Index(None, "business_id", "account_id", "id"),
        Index(None, "business_id", "collector_id", "id"),
        # With what the reports sum up, so that they read nothing else.
        Index(
            "ix_collections_of_day",
            "business_id",
            "collected_on",
            "id",
            postgresql_include=["collector_id", "amount", "reversed_at"],
        ),
    )


class ReceiptCounter(db.Model):
    """How many receipts a collector has given out. Its row is locked from then on until the act ends, so that one which
    comes to nothing leaves no gap.
    """

    __tablename__ = "receipt_counters"

    business_id: Mapped[int] = tenant_id()
    collector_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    issued: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (within_tenant("memberships", "collector_id"), CheckConstraint("issued >= 1", name="issued"))
