"""What was reckoned of the arrears of a business that has too many accounts to reckon them when somebody asks."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db
from ofektom.identity import moment, row_id, tenant_id


class Reckoning(db.Model):
    """The sums of a business's open accounts by `day`, piece after piece of them by id; amounts in minor units.

    It is whole once it has `ended_at`; until then it goes on after `last_account_id`. What it says was so when it
    began, or in the minutes that it took from there.
    """

    __tablename__ = "reckonings"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    day: Mapped[date] = mapped_column(Date)
    begun_at: Mapped[datetime] = moment()
    ended_at: Mapped[datetime | None] = moment()
    last_account_id: Mapped[int] = mapped_column(BigInteger, server_default="0")
    active: Mapped[int] = mapped_column(BigInteger, server_default="0")
    accounts: Mapped[int] = mapped_column(BigInteger, server_default="0")
    slots: Mapped[int] = mapped_column(BigInteger, server_default="0")
    amount: Mapped[int] = mapped_column(BigInteger, server_default="0")
    slots_due: Mapped[int] = mapped_column(BigInteger, server_default="0")
    amount_due: Mapped[int] = mapped_column(BigInteger, server_default="0")

    # Whoever begins one while another is under way finds that one, and they take turns.
    __table_args__ = (
        Index("uq_reckonings_unfinished", "business_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )
