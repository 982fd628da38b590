"""One row of settings for each business, and its holidays."""

from datetime import date

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    false,
    func,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from blueprints.settings.rules import (
    ALL_WEEK,
    EXPENSE_APPROVAL_ABOVE,
    MAX_CYCLE_DAYS,
    CommissionKind,
    CycleKind,
    Earned,
)
from ofektom.extensions import db
from ofektom.identity import one_of, tenant_id
from ofektom.money import BASIS_POINTS, MAX_AMOUNT


class BusinessSettings(db.Model):
    """The rules that new plans copy and that windows and limits are read from."""

    __tablename__ = "business_settings"

    business_id: Mapped[int] = tenant_id()
    commission_kind: Mapped[str] = mapped_column(String(10), default=CommissionKind.ONE_DAY)
    commission_value: Mapped[int] = mapped_column(BigInteger, default=0)
    commission_cap: Mapped[int | None] = mapped_column(BigInteger)
    commission_earned: Mapped[str] = mapped_column(String(10), default=Earned.FIRST_MARK)
    agent_share: Mapped[int] = mapped_column(Integer, default=BASIS_POINTS)
    cycle_kind: Mapped[str] = mapped_column(String(15), default=CycleKind.DAYS)
    cycle_days: Mapped[int] = mapped_column(SmallInteger, default=31)
    weekdays: Mapped[int] = mapped_column(SmallInteger, default=ALL_WEEK)
    backdating_days: Mapped[int] = mapped_column(SmallInteger, default=3)
    reversal_minutes: Mapped[int] = mapped_column(Integer, default=15)
    two_approvers_above: Mapped[int | None] = mapped_column(BigInteger)
    partial_payouts: Mapped[bool] = mapped_column(default=True)
    cooldown_hours: Mapped[int] = mapped_column(SmallInteger, default=24)
    # Minor units; what a member of staff spends above it waits for somebody else's approval. None: nothing does.
    expense_approval_above: Mapped[int | None] = mapped_column(
        BigInteger, default=EXPENSE_APPROVAL_ABOVE, server_default=text(str(EXPENSE_APPROVAL_ABOVE))
    )
    # Whether anybody may read the business's name and where it collects.
    public_page: Mapped[bool] = mapped_column(default=False, server_default=false())
    sms: Mapped[bool] = mapped_column(default=True, server_default=true())
    sms_sender: Mapped[str | None] = mapped_column(String(11))
    # Hours of the day in the business's time zone, between which no SMS is sent that can wait.
    quiet_from: Mapped[int | None] = mapped_column(SmallInteger)
    quiet_until: Mapped[int | None] = mapped_column(SmallInteger)

    __table_args__ = (
        CheckConstraint(one_of("commission_kind", CommissionKind), name="commission_kind"),
        CheckConstraint(one_of("commission_earned", Earned), name="commission_earned"),
        CheckConstraint(f"commission_value BETWEEN 0 AND {MAX_AMOUNT}", name="commission_value"),
        CheckConstraint(f"commission_cap BETWEEN 1 AND {MAX_AMOUNT}", name="commission_cap"),
        CheckConstraint(f"agent_share BETWEEN 0 AND {BASIS_POINTS}", name="agent_share"),
        CheckConstraint(one_of("cycle_kind", CycleKind), name="cycle_kind"),
        CheckConstraint(f"cycle_days BETWEEN 1 AND {MAX_CYCLE_DAYS}", name="cycle_days"),
        CheckConstraint(f"expense_approval_above BETWEEN 0 AND {MAX_AMOUNT}", name="expense_approval_above"),
        CheckConstraint(f"weekdays BETWEEN 1 AND {ALL_WEEK}", name="weekdays"),
        CheckConstraint("sms_sender ~ '^[A-Za-z0-9 ]{3,11}$'", name="sms_sender"),
        CheckConstraint("quiet_from BETWEEN 0 AND 23 AND quiet_until BETWEEN 0 AND 23", name="quiet_hours"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="quiet_from_until"),
        # Nobody signs with the name of another business, however it is spelt.
        Index("uq_business_settings_sms_sender", func.lower(sms_sender.column), unique=True),
    )


class Holiday(db.Model):
    """A day on which the business does not collect: no plan has a slot then."""

    __tablename__ = "holidays"

    business_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("businesses.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
