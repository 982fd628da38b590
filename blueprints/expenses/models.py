"""Expenses of a business; the expense cards of customers, their incomes and their items."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from blueprints.expenses.rules import MOVED, Category, ExpenseStatus, ItemCategory, PaidFrom
from ofektom.extensions import db
from ofektom.identity import moment, one_of, row_id, tenant_id, within_tenant
from ofektom.money import MAX_AMOUNT


class Expense(db.Model):
    """Money a business has spent, or is asked to. `entry_id` is there once it has moved.

    `business_day` is the day on which the money moved, until then the day of the request. From `agent_cash` means from
    the spender's own.
    """

    __tablename__ = "expenses"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    spender_id: Mapped[int] = mapped_column(BigInteger)
    paid_from: Mapped[str] = mapped_column(String(13))
    category: Mapped[str] = mapped_column(String(12))
    amount: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(300))
    receipt_number: Mapped[str | None] = mapped_column(String(60))
    status: Mapped[str] = mapped_column(String(9))
    needs_approval: Mapped[bool] = mapped_column()
    business_day: Mapped[date] = mapped_column(Date)
    at: Mapped[datetime] = moment()
    entry_id: Mapped[int | None] = mapped_column(BigInteger)
    decided_by_id: Mapped[int | None] = mapped_column(BigInteger)
    decided_at: Mapped[datetime | None] = moment()
    reversed_by_id: Mapped[int | None] = mapped_column(BigInteger)
    reversed_at: Mapped[datetime | None] = moment()
    reason: Mapped[str | None] = mapped_column(String(300))

    __table_args__ = (
        within_tenant("memberships", "spender_id"),
        within_tenant("memberships", "decided_by_id"),
        within_tenant("memberships", "reversed_by_id"),
        within_tenant("ledger_entries", "entry_id"),
        CheckConstraint(one_of("paid_from", PaidFrom), name="paid_from"),
        CheckConstraint(one_of("category", Category), name="category"),
        CheckConstraint(f"amount BETWEEN 1 AND {MAX_AMOUNT}", name="amount"),
        CheckConstraint(one_of("status", ExpenseStatus), name="status"),
        CheckConstraint(f"({one_of('status', MOVED)}) = (entry_id IS NOT NULL)", name="entry"),
        CheckConstraint("(needs_approval AND status <> 'requested') = (decided_by_id IS NOT NULL)", name="decided"),
        CheckConstraint(f"needs_approval OR {one_of('status', MOVED)}", name="waiting"),
        CheckConstraint("status = 'rejected' OR decided_by_id <> spender_id", name="not_requester"),
        CheckConstraint("(status = 'reversed') = (reversed_by_id IS NOT NULL)", name="reversal"),
        CheckConstraint("(status IN ('rejected', 'reversed')) = (reason IS NOT NULL)", name="reason"),
        Index(None, "business_id", "spender_id", "id"),
        Index(None, "business_id", "status", "id"),
        Index(None, "business_id", "business_day", "id"),
    )


class ExpenseCard(db.Model):
    """A customer's own budget. `income` and `spent` are kept with the incomes and items they are the sums of.

    `account_id` is the savings account that was paid out into it; an account feeds one card at most.
    """

    __tablename__ = "expense_cards"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    customer_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(80))
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    income: Mapped[int] = mapped_column(BigInteger)
    spent: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = moment()

    __table_args__ = (
        within_tenant("memberships", "customer_id"),
        within_tenant("savings_accounts", "account_id"),
        UniqueConstraint("business_id", "account_id", name="uq_expense_cards_account"),
        CheckConstraint("spent BETWEEN 0 AND income", name="budget"),
        Index(None, "business_id", "customer_id", "id"),
    )


class ExpenseCardIncome(db.Model):
    """Money that came onto an expense card, and where from in the customer's words. A payout may exceed one act's."""

    __tablename__ = "expense_card_incomes"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    card_id: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(String(120))
    created_by_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = moment()

    __table_args__ = (
        within_tenant("expense_cards", "card_id"),
        within_tenant("memberships", "created_by_id"),
        CheckConstraint("amount >= 1", name="amount"),
        Index(None, "business_id", "card_id", "id"),
    )


class ExpenseItem(db.Model):
    """Something planned (only `planned_amount`) or really spent (`spent_amount`, and what was planned, if it was)."""

    __tablename__ = "expense_items"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    card_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(120))
    category: Mapped[str] = mapped_column(String(10))
    planned_amount: Mapped[int | None] = mapped_column(BigInteger)
    spent_amount: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = moment()
    spent_at: Mapped[datetime | None] = moment()

    __table_args__ = (
        within_tenant("expense_cards", "card_id"),
        CheckConstraint(one_of("category", ItemCategory), name="category"),
        CheckConstraint(f"planned_amount BETWEEN 1 AND {MAX_AMOUNT}", name="planned_amount"),
        CheckConstraint(f"spent_amount BETWEEN 1 AND {MAX_AMOUNT}", name="spent_amount"),
        CheckConstraint("planned_amount IS NOT NULL OR spent_amount IS NOT NULL", name="amount"),
        CheckConstraint("(spent_amount IS NULL) = (spent_at IS NULL)", name="spent"),
        Index(None, "business_id", "card_id", "id"),
    )
