"""Reads of businesses (for platform staff) and of units (of the caller's business)."""

from sqlalchemy import Date, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from blueprints.businesses.models import Unit
from blueprints.settings.models import BusinessSettings
from ofektom import paging
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Business, Membership, MembershipStatus, User

BUSINESS = (Business.id, Business.name, Business.currency, Business.timezone, Business.is_active, Business.created_at)
UNIT = (Unit.id, Unit.name, Unit.is_active, Unit.created_at)


def businesses(*, limit: int, cursor: str | None) -> dict:
    """A page of all businesses, for platform staff."""
    return paging.page(select(*BUSINESS), Business.id, limit=limit, cursor=cursor)


def business(business_id: int) -> dict:
    """One business; raises NotFound."""
    row = db.session.execute(select(*BUSINESS).where(Business.id == business_id)).mappings().first()
    if row is None:
        raise NotFound
    return dict(row)


def people_of(business_id: int) -> list[int]:
    """The users who can sign in and belong to a business, or are invited to."""
    status = Membership.status.in_([MembershipStatus.ACTIVE, MembershipStatus.INVITED])
    query = select(Membership.user_id).join(User, User.id == Membership.user_id)
    return list(db.session.scalars(query.where(Membership.business_id == business_id, status, User.secret_hash != "")))


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
    row = db.session.execute(query).mappings().first()
    if row is None:
        raise NotFound
    return dict(row)
