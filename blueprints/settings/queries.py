"""Reads of a business's settings and holidays."""

from datetime import date

from sqlalchemy import select

from blueprints.settings.models import BusinessSettings, Holiday
from ofektom import clock
from ofektom.extensions import db
from ofektom.identity import Actor

_COLUMNS = [column for column in BusinessSettings.__table__.c if column.name != "business_id"]


def settings_of(business_id: int) -> dict:
    """All settings of a business."""
    return dict(
        db.session.execute(select(*_COLUMNS).where(BusinessSettings.business_id == business_id)).mappings().one()
    )


def holidays_of(business_id: int) -> list[dict]:
    """The holidays of a business, by date."""
    query = select(Holiday.day, Holiday.name).where(Holiday.business_id == business_id).order_by(Holiday.day)
    return [dict(row) for row in db.session.execute(query).mappings()]


def holiday_dates(business_id: int) -> frozenset[date]:
    """Just the dates."""
    return frozenset(db.session.scalars(select(Holiday.day).where(Holiday.business_id == business_id)))


def today(actor: Actor) -> date:
    """The business day it is now in the actor's business."""
    return db.session.scalar(select(clock.today(actor.timezone)))
