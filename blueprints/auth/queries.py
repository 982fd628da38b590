"""Reads about users, their sessions and their memberships. Scoped to the user, who may be in several businesses."""

from sqlalchemy import and_, func, select

from ofektom.auth import Session
from ofektom.credentials import guess_limits, spending
from ofektom.extensions import db
from ofektom.identity import Business, Membership, MembershipStatus, Role, User
from ofektom.plain import Statement

_ATTEMPT = {
    column: Statement(
        f"""
        WITH found AS (SELECT id, secret_hash, auth_version, is_active FROM users WHERE {column} = %(login)s::text),
        subject AS (SELECT coalesce((SELECT 'user:' || id FROM found), %(stranger)s::text) AS name),
        spent AS ({spending("(SELECT name FROM subject)")})
        SELECT found.*, subject.name AS subject, EXISTS (SELECT FROM spent) AS may_try
        FROM subject LEFT JOIN found ON true
        """  # noqa: S608 - made of our own SQL
    )
    for column in ("username", "phone", "email")
}


def attempt(column: str, login: str, stranger: str) -> dict:
    """Who signs in with `login` (their username, phone or email), with a guess at them spent already.

    The row of the user, all None for nobody; `subject`, whose guess it was (`stranger`'s for nobody); and `may_try`,
    whether there was one left.
    """
    [found] = _ATTEMPT[column].run({"login": login, "stranger": stranger} | guess_limits())
    return found


def active_membership(user_id: int, business_id: int):
    """(id, role) of the user's active membership in an active business, or None."""
    query = (
        select(Membership.id, Membership.role)
        .join(Business, and_(Business.id == Membership.business_id, Business.is_active))
        .where(Membership.business_id == business_id, Membership.user_id == user_id)
        .where(Membership.status == MembershipStatus.ACTIVE)
    )
    return db.session.execute(query).first()


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
