"""Payment accounts, payment requests and the approvals of requests."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from blueprints.payments.rules import Nuban, PayMethod, RequestStatus
from ofektom.extensions import db
from ofektom.identity import moment, one_of, row_id, tenant_id, within_tenant
from ofektom.money import MAX_AMOUNT


class PaymentAccount(db.Model):
    """A customer's bank account. It can be paid to from `usable_from` on."""

    __tablename__ = "payment_accounts"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    customer_id: Mapped[int] = mapped_column(BigInteger)
    bank_code: Mapped[str] = mapped_column(String(6))
    account_number: Mapped[str] = mapped_column(String(10))
    account_name: Mapped[str] = mapped_column(String(120))
    nuban: Mapped[str] = mapped_column(String(9))
    usable_from: Mapped[datetime] = moment()
    created_at: Mapped[datetime] = moment()
    removed_at: Mapped[datetime | None] = moment()

    __table_args__ = (
        within_tenant("memberships", "customer_id"),
        # What a request refers to, so that it cannot name the account of another customer.
        UniqueConstraint("business_id", "customer_id", "id", name="uq_payment_accounts_customer"),
        CheckConstraint("bank_code ~ '^([0-9]{3}|[0-9]{5}|[0-9]{6})$'", name="bank_code"),
        CheckConstraint("account_number ~ '^[0-9]{10}$'", name="account_number"),
        CheckConstraint(one_of("nuban", Nuban), name="nuban"),
        Index(
            "uq_payment_accounts_number",
            "business_id",
            "customer_id",
            "bank_code",
            "account_number",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )


class PaymentRequest(db.Model):
    """A customer's request to take money out. While requested or approved the amount is on hold."""

    __tablename__ = "payment_requests"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    account_id: Mapped[int] = mapped_column(BigInteger)
    customer_id: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    # The part of the amount that was credit of the account; it returns to the credit if the request comes to nothing.
    from_credit: Mapped[int] = mapped_column(BigInteger, default=0)
    method: Mapped[str] = mapped_column(String(8))
    payment_account_id: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(9), default=RequestStatus.REQUESTED)
    approvals_needed: Mapped[int] = mapped_column()
    requested_by_id: Mapped[int] = mapped_column(BigInteger)
    requested_at: Mapped[datetime] = moment()
    decided_by_id: Mapped[int | None] = mapped_column(BigInteger)
    decided_at: Mapped[datetime | None] = moment()
    reason: Mapped[str | None] = mapped_column(String(300))
    paid_by_id: Mapped[int | None] = mapped_column(BigInteger)
    paid_at: Mapped[datetime | None] = moment()
    bank_reference: Mapped[str | None] = mapped_column(String(60))
    code_hash: Mapped[str | None] = mapped_column(String(64))
    code_expires_at: Mapped[datetime | None] = moment()

    __table_args__ = (
        within_tenant("savings_accounts", "account_id"),
        within_tenant("memberships", "customer_id"),
        within_tenant("memberships", "requested_by_id"),
        within_tenant("memberships", "decided_by_id"),
        within_tenant("memberships", "paid_by_id"),
        ForeignKeyConstraint(
            ["business_id", "customer_id", "payment_account_id"],
            ["payment_accounts.business_id", "payment_accounts.customer_id", "payment_accounts.id"],
            name="fk_payment_requests_payment_account",
        ),
        UniqueConstraint("business_id", "id", "requested_by_id", name="uq_payment_requests_requester"),
        CheckConstraint(f"amount BETWEEN 1 AND {MAX_AMOUNT}", name="amount"),
        CheckConstraint("from_credit BETWEEN 0 AND amount", name="from_credit"),
        CheckConstraint(one_of("status", RequestStatus), name="status"),
        CheckConstraint(one_of("method", PayMethod), name="method"),
        CheckConstraint("(method = 'transfer') = (payment_account_id IS NOT NULL)", name="destination"),
        CheckConstraint("approvals_needed BETWEEN 1 AND 2", name="approvals_needed"),
        CheckConstraint("(status = 'paid') = (paid_at IS NOT NULL)", name="paid"),
        Index(None, "business_id", "account_id", "id"),
        Index(None, "business_id", "customer_id", "id"),
        Index(None, "business_id", "status", "id"),
    )


class PaymentApproval(db.Model):
    """One person's yes to a request. The requester is copied here so that a constraint can keep them apart."""

    __tablename__ = "payment_approvals"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    request_id: Mapped[int] = mapped_column(BigInteger)
    requested_by_id: Mapped[int] = mapped_column(BigInteger)
    approver_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = moment()

    __table_args__ = (
        ForeignKeyConstraint(
            ["business_id", "request_id", "requested_by_id"],
            ["payment_requests.business_id", "payment_requests.id", "payment_requests.requested_by_id"],
            name="fk_payment_approvals_request",
        ),
        within_tenant("memberships", "approver_id"),
        UniqueConstraint("business_id", "request_id", "approver_id", name="uq_payment_approvals_approver"),
        CheckConstraint("approver_id <> requested_by_id", name="not_requester"),
    )
