"""The imports that were made."""

from datetime import datetime

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db
from ofektom.identity import moment, row_id, tenant_id, within_tenant


class Import(db.Model):
    """A file that was imported, known by the SHA-256 of its bytes. `membership_id` is None for one by command."""

    __tablename__ = "imports"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    digest: Mapped[str] = mapped_column(String(64))
    customers: Mapped[int] = mapped_column()
    accounts: Mapped[int] = mapped_column()
    opening_balances: Mapped[int] = mapped_column(BigInteger)
    membership_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = moment()

    __table_args__ = (
        within_tenant("memberships", "membership_id"),
        UniqueConstraint("business_id", "digest", name="uq_imports_digest"),
    )
