"""Reads of people, always within the caller's business and within what the caller may see of it."""

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from ofektom import clock, paging
from ofektom.database import only, only_row
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, MembershipStatus, Role, User

CARD = (
    Membership.id,
    Membership.role,
    Membership.status,
    Membership.parent_id,
    Membership.unit_id,
    Membership.full_name,
    Membership.phone,
    Membership.created_at,
)


def in_sight(actor: Actor, member=Membership) -> ColumnElement[bool]:
    """The condition that `member` is somebody the actor may see.

    An admin sees the business; an agent themselves, those under them and those under their sub-agents; a sub-agent
    themselves and those under them; a customer only themselves.
    """
    own_business = member.business_id == actor.business_id
    if actor.role == Role.ADMIN:
        return own_business
    return and_(own_business, or_(member.id == actor.membership_id, below(actor, member)))


def by_staff_in_sight(actor: Actor, who) -> ColumnElement[bool]:
    """The condition that `who`, a column that names one of the staff in a tenant's table, names somebody in sight.

    An array as in `below`. To an admin it is the business, to which the column's key keeps whoever it names.
    """
    own_business = who.class_.business_id == actor.business_id
    if actor.role == Role.ADMIN:
        return own_business
    member = aliased(Membership)
    ids = select(member.id).where(in_sight(actor, member), member.role != Role.CUSTOMER)
    return and_(own_business, who == func.any(func.array(ids.scalar_subquery())))


def below(actor: Actor, member=Membership) -> ColumnElement[bool]:
    """The condition that `member` stands under the actor, directly or under their sub-agent.

    An array, because PostgreSQL looks its elements up in an index where it would check every row against a subquery.
    """
    middle = aliased(Membership)
    sub_agents = select(middle.id).where(
        middle.business_id == actor.business_id,
        middle.parent_id == actor.membership_id,
        middle.role == Role.SUB_AGENT,
    )
    return or_(
        member.parent_id == actor.membership_id, member.parent_id == func.any(func.array(sub_agents.scalar_subquery()))
    )


def members(actor: Actor, *, limit: int, cursor: str | None, **filters) -> dict:
    """A page of members in the actor's sight, filtered by role, status, parent_id, unit_id or a part of the name."""
    query = select(*CARD).where(in_sight(actor))
    search = filters.pop("search", None)
    if search:
        query = query.where(Membership.full_name.icontains(search, autoescape=True))
    for name, value in filters.items():
        if value is not None:
            query = query.where(getattr(Membership, name) == value)
    return paging.page(query, Membership.id, limit=limit, cursor=cursor)


def member(actor: Actor, member_id: int) -> dict:
    """One member in the actor's sight; raises NotFound."""
    return only_row(select(*CARD).where(in_sight(actor), Membership.id == member_id))


def names(actor: Actor, member_ids: set[int]) -> dict[int, str]:
    """The names of those of the members who are in the actor's sight."""
    query = select(Membership.id, Membership.full_name).where(
        in_sight(actor), Membership.id == func.any(list(member_ids))
    )
    return dict(db.session.execute(query).all())


def lock_member(business_id: int, member_id: int, *, sight: ColumnElement[bool] | None = None) -> Membership:
    """The membership, locked for update and read afresh; raises NotFound."""
    query: Select = select(Membership).where(Membership.business_id == business_id, Membership.id == member_id)
    if sight is not None:
        query = query.where(sight)
    return only(query.with_for_update(key_share=True).execution_options(populate_existing=True))


def invitation(token_hash: str):
    """(membership, user) of an open invitation, the membership locked; None when there is none."""
    query = (
        select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.invitation_hash == token_hash, Membership.invitation_expires_at > clock.now())
        .where(Membership.status == MembershipStatus.INVITED)
        .with_for_update(of=Membership, key_share=True)
    )
    return db.session.execute(query).first()


def users(*, limit: int, cursor: str | None) -> dict:
    """A page of all users of the platform, for its staff."""
    columns = (User.id, User.username, User.phone, User.email, User.full_name, User.is_active, User.is_super_admin)
    return paging.page(select(*columns), User.id, limit=limit, cursor=cursor)
