"""Units. The business itself is the kernel's: it is the tenant."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db
from ofektom.identity import moment, row_id, tenant_id


class Unit(db.Model):
    """A branch, market or route of a business."""

    __tablename__ = "units"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    name: Mapped[str] = mapped_column(String(80))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = moment(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("business_id", "name"),
        CheckConstraint("length(name) BETWEEN 1 AND 80", name="name"),
    )
