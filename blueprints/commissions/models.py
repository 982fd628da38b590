"""Commissions taken."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from blueprints.commissions.rules import CommissionStatus
from ofektom.extensions import db
from ofektom.identity import moment, one_of, row_id, tenant_id, within_tenant


class Commission(db.Model):
    """The commission of one cycle of one account. At most one per cycle is `earned`, by a unique index."""

    __tablename__ = "commissions"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    account_id: Mapped[int] = mapped_column(BigInteger)
    cycle: Mapped[int] = mapped_column(Integer)
    agent_id: Mapped[int] = mapped_column(BigInteger)
    agent_amount: Mapped[int] = mapped_column(BigInteger)
    business_amount: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(12))
    entry_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = moment()

    __table_args__ = (
        within_tenant("savings_accounts", "account_id"),
        within_tenant("memberships", "agent_id"),
        within_tenant("ledger_entries", "entry_id"),
        CheckConstraint(one_of("status", CommissionStatus), name="status"),
        CheckConstraint("agent_amount >= 0 AND business_amount >= 0", name="parts"),
        CheckConstraint("agent_amount + business_amount > 0", name="amount"),
        Index(
            "uq_commissions_cycle",
            "business_id",
            "account_id",
            "cycle",
            unique=True,
            postgresql_where=text("status = 'earned'"),
        ),
        Index(None, "business_id", "account_id", "id"),
        Index(None, "business_id", "agent_id", "id"),
        Index(None, "business_id", "agent_id", "at"),
    )
