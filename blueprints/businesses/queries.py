"""Reads of businesses (for platform staff) and of units (of the caller's business)."""

from datetime import timedelta

from sqlalchemy import Date, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from blueprints.businesses.models import Unit
from blueprints.settings.models import BusinessSettings
from ofektom import paging
from ofektom.auth import Session
from ofektom.database import only_row
from ofektom.extensions import db
from ofektom.identity import Actor, Business, Membership, MembershipStatus

BUSINESS = (Business.id, Business.name, Business.currency, Business.timezone, Business.is_active, Business.created_at)
UNIT = (Unit.id, Unit.name, Unit.is_active, Unit.created_at)


def businesses(*, limit: int, cursor: str | None) -> dict:
    """A page of all businesses, for platform staff."""
    return paging.page(select(*BUSINESS), Business.id, limit=limit, cursor=cursor)


def business(business_id: int) -> dict:
    """One business; raises NotFound."""
    return only_row(select(*BUSINESS).where(Business.id == business_id))


def people_at_work(business_id: int, minutes: int) -> list[int]:
    """The users who belong to a business, or are invited to, and have been given a token in the last `minutes`."""
    status = Membership.status.in_([MembershipStatus.ACTIVE, MembershipStatus.INVITED])
    lately = Session.refreshed_at > func.now() - timedelta(minutes=minutes)
    query = select(Membership.user_id).distinct().join(Session, Session.user_id == Membership.user_id)
    query = query.where(Membership.business_id == business_id, status, Session.ended_at.is_(None), lately)
    return list(db.session.scalars(query))


def units(actor: Actor, *, limit: int, cursor: str | None) -> dict:
    """A page of the units of the actor's business."""
    query = select(*UNIT).where(Unit.business_id == actor.business_id)
    return paging.page(query, Unit.id, limit=limit, cursor=cursor)


def public_page(business_id: int) -> dict:
    """What an active business that wants to be found shows to anybody; raises NotFound for every other.

    `since` is the day it was opened, by the calendar of its time zone.
    """
    names = func.coalesce(func.json_agg(aggregate_order_by(Unit.name, Unit.name)), func.json_build_array())
    units = select(names).where(Unit.business_id == Business.id, Unit.is_active).scalar_subquery()
    since = cast(func.timezone(Business.timezone, Business.created_at), Date)
    query = (
        select(Business.id, Business.name, Business.currency, Business.timezone)
        .add_columns(units.label("units"), since.label("since"))
        .join(BusinessSettings, BusinessSettings.business_id == Business.id)
        .where(Business.id == business_id, Business.is_active, BusinessSettings.public_page)
    )
    return only_row(query)
