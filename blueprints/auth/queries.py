"""Reads about users, their sessions and their memberships. Scoped to the user, who may be in several businesses."""

from sqlalchemy import and_, func, select

from ofektom.auth import Session
from ofektom.extensions import db
from ofektom.identity import Business, Membership, MembershipStatus, Role, User


def find_user(column: str, value: str):
    """The row of the user whose `column` (username, phone or email) is `value`, or None."""
    columns = (User.id, User.secret_hash, User.secret_kind, User.auth_version, User.is_active)
    return db.session.execute(select(*columns).where(getattr(User, column) == value)).first()


def active_membership(user_id: int, business_id: int):
    """(id, role) of the user's active membership in an active business, or None."""
    query = (
        select(Membership.id, Membership.role)
        .join(Business, and_(Business.id == Membership.business_id, Business.is_active))
        .where(Membership.business_id == business_id, Membership.user_id == user_id)
        .where(Membership.status == MembershipStatus.ACTIVE)
    )
    return db.session.execute(query).first()


def usual_business(user_id: int) -> int | None:
    """The business a new session starts in: the one the user's latest session was in, else their first."""
    latest = select(func.max(Session.id)).where(Session.user_id == user_id, Session.business_id == Business.id)
    query = (
        select(Business.id)
        .join(Membership, Membership.business_id == Business.id)
        .where(Membership.user_id == user_id, Membership.status == MembershipStatus.ACTIVE, Business.is_active)
        .order_by(latest.scalar_subquery().desc().nulls_last(), Business.id)
        .limit(1)
    )
    return db.session.scalar(query)


def is_admin_anywhere(user_id: int) -> bool:
    """Whether the user is an admin of a business or platform staff, and so needs a password.

    An invitation does not count: anybody can send one.
    """
    accepted = Membership.status.in_([MembershipStatus.ACTIVE, MembershipStatus.DEACTIVATED])
    own = (Membership.user_id == user_id) & accepted
    admin = select(Membership.id).where(own, Membership.role == Role.ADMIN).exists()
    return db.session.scalar(select(User.is_super_admin | admin).where(User.id == user_id))


def sessions_of(user_id: int) -> list[dict]:
    """The user's open sessions, newest first."""
    columns = (
        Session.id,
        Session.device,
        Session.address,
        Session.created_at,
        Session.refreshed_at,
        Session.expires_at,
    )
    query = (
        select(*columns)
        .where(Session.user_id == user_id, Session.ended_at.is_(None), Session.expires_at > func.now())
        .order_by(Session.id.desc())
        .limit(100)
    )
    return [dict(row) for row in db.session.execute(query).mappings()]
