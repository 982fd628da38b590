"""Verbs that change a business's rules. Plans already made keep the terms they were made with."""

from datetime import date

from sqlalchemy import delete, insert

from blueprints.settings import queries
from blueprints.settings.models import BusinessSettings, Holiday
from blueprints.settings.rules import PUBLIC_PAGE, HolidayPassed, check_policy, readable
from ofektom import audit, facts, response_cache
from ofektom.caching import CacheKeys
from ofektom.database import apply, verb
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor


def open_settings(business_id: int) -> None:
    """Give a new business the default settings, within the verb that opens it."""
    db.session.add(BusinessSettings(business_id=business_id))


@verb
def change_settings(*, actor: Actor, changes: dict) -> dict:
    """Change some settings and return all of them. Raises ContradictoryPolicy, HalfQuiet, SenderTaken."""
    settings = db.session.get(BusinessSettings, actor.business_id, with_for_update=True, populate_existing=True)
    before = apply(settings, changes)
    check_policy(kind=settings.commission_kind, value=settings.commission_value, earned=settings.commission_earned)
    old, new = readable(before), readable(changes)
    audit.record("settings.changed", "business", actor.business_id, actor=actor, before=old, after=new)
    facts.forget(CacheKeys.format(CacheKeys.SETTINGS, business_id=actor.business_id))
    response_cache.forget(PUBLIC_PAGE.format(actor.business_id))
    return {column.name: getattr(settings, column.name) for column in BusinessSettings.__table__.c}


@verb
def add_holiday(*, actor: Actor, day: date, name: str) -> dict:
    """Make a coming day a holiday. Raises HolidayPassed, HolidayExists."""
    if day <= queries.today(actor):
        raise HolidayPassed
    db.session.execute(insert(Holiday).values(business_id=actor.business_id, day=day, name=name))
    holiday = {"day": day, "name": name}
    audit.record("settings.holiday_added", "business", actor.business_id, actor=actor, after=holiday)
    _forget_holidays(actor)
    return holiday


def _forget_holidays(actor: Actor) -> None:
    facts.forget(CacheKeys.format(CacheKeys.HOLIDAYS, business_id=actor.business_id))


@verb
def remove_holiday(*, actor: Actor, day: date) -> None:
    """Make a coming holiday an ordinary day again. Raises HolidayPassed, NotFound."""
    if day <= queries.today(actor):
        raise HolidayPassed
    chosen = (Holiday.business_id == actor.business_id) & (Holiday.day == day)
    if not db.session.execute(delete(Holiday).where(chosen)).rowcount:
        raise NotFound
    audit.record("settings.holiday_removed", "business", actor.business_id, actor=actor, before={"day": day})
    _forget_holidays(actor)
