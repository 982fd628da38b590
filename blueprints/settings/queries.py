"""Reads of a business's settings and holidays."""

from datetime import date

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from blueprints.settings.models import BusinessSettings, Holiday
from ofektom import clock, facts, plain
from ofektom.caching import CacheKeys
from ofektom.extensions import db
from ofektom.facts import Fact, Reading
from ofektom.freshness import HORIZON
from ofektom.identity import Actor

SECONDS = 600
_COLUMNS = [column for column in BusinessSettings.__table__.c if column.name != "business_id"]


@plain.prepared
def _settings(actor: Actor) -> Select:
    return select(HORIZON, *_COLUMNS).where(BusinessSettings.business_id == actor.business_id)


@plain.prepared
def _holidays(actor: Actor) -> Select:
    day = func.json_build_object("day", Holiday.day, "name", Holiday.name)
    days = func.coalesce(func.json_agg(aggregate_order_by(day, Holiday.day)), func.json_build_array())
    return select(HORIZON, days.label("days")).where(Holiday.business_id == actor.business_id)


def settings_of(actor: Actor) -> dict:
    """All settings of the actor's business, from a copy while there is one that may be believed."""

    def read() -> Reading:
        [row] = _settings(actor)
        return Reading(row.pop("horizon"), {name: Fact(row)})

    name = CacheKeys.format(CacheKeys.SETTINGS, business_id=actor.business_id)
    return facts.look_up({name: SECONDS}, read)[name]


def holidays_of(actor: Actor) -> list[dict]:
    """The holidays of the actor's business, by date, from a copy while there is one that may be believed."""

    def read() -> Reading:
        [row] = _holidays(actor)
        return Reading(row["horizon"], {name: Fact(row["days"])})

    name = CacheKeys.format(CacheKeys.HOLIDAYS, business_id=actor.business_id)
    return facts.look_up({name: SECONDS}, read)[name]


def holiday_dates(business_id: int) -> frozenset[date]:
    """Just the dates."""
    return frozenset(db.session.scalars(select(Holiday.day).where(Holiday.business_id == business_id)))


def today(actor: Actor) -> date:
    """The business day it is now in the actor's business."""
    return db.session.scalar(select(clock.today(actor.timezone)))


def is_sms_on(business_id: int) -> bool:
    """Whether the business has its people told by SMS."""
    return db.session.scalar(select(BusinessSettings.sms).where(BusinessSettings.business_id == business_id))
