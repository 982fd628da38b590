"""Where a business has events sent."""

from datetime import datetime

from sqlalchemy import BigInteger, String, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db
from ofektom.identity import moment, row_id, tenant_id, within_tenant
from ofektom.outgoing import LONGEST_URL


class Webhook(db.Model):
    """An address that is called, and what its secret is made of. `events` empty: all of them."""

    __tablename__ = "webhooks"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    url: Mapped[str] = mapped_column(String(LONGEST_URL))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(60)))
    seed: Mapped[str] = mapped_column(String(60))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_by_id: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = moment(server_default=func.now())

    __table_args__ = (within_tenant("memberships", "created_by_id"),)
