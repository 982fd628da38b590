"""Reads of one's own messages and wishes, of a business's deliveries, and of whom a row of the outbox concerns."""

from sqlalchemy import Select, and_, false, func, or_, select

from blueprints.notifications.models import Message, NotificationWish
from blueprints.notifications.rules import Channel, ReadState, Topic, default_wishes
from blueprints.settings.models import BusinessSettings
from ofektom import clock, paging
from ofektom.database import only_row
from ofektom.deliveries import Delivery
from ofektom.extensions import db
from ofektom.identity import Actor, Business, Membership, MembershipStatus, Role, User
from ofektom.sms import SmsReport

MESSAGE = tuple(column for column in Message.__table__.c if column.name not in {"business_id", "member_id"})
WISHES = tuple(NotificationWish.__table__.c[channel] for channel in Channel)
# Neither the text nor the address: who reads the list wants to know whether people are reached.
DELIVERY = tuple(
    Delivery.__table__.c[name]
    for name in (
        *("id", "channel", "topic", "member_id", "state", "attempts", "created_at", "due_at", "ended_at"),
        *("reference", "error"),
    )
)


def _own(actor: Actor) -> Select:
    mine = (Message.business_id == actor.business_id) & (Message.member_id == actor.membership_id)
    return select(*MESSAGE).where(mine)


def messages(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict:
    """A page of the actor's messages, newest first, all of them or those read or unread."""
    query = _own(actor)
    if state is not None:
        unread = Message.read_at.is_(None)
        query = query.where(unread if state == ReadState.UNREAD else ~unread)
    return paging.page(query, Message.id, limit=limit, cursor=cursor, newest_first=True)


def message(actor: Actor, message_id: int) -> dict:
    """One of the actor's messages; raises NotFound."""
    return only_row(_own(actor).where(Message.id == message_id))


def unread(actor: Actor) -> int:
    """How many messages the actor has not read."""
    own = _own(actor).where(Message.read_at.is_(None)).subquery()
    return db.session.scalar(select(func.count()).select_from(own))


def wishes(actor: Actor) -> dict:
    """By which channels the actor wants to be told."""
    mine = NotificationWish.business_id == actor.business_id, NotificationWish.member_id == actor.membership_id
    row = db.session.execute(select(*WISHES).where(*mine)).mappings().first()
    return dict(row) if row else {str(name): value for name, value in default_wishes(actor.role).items()}


def deliveries(actor: Actor, *, limit: int, cursor: str | None, **filters) -> dict:
    """A page of SMS and e-mails of the actor's business, newest first, with what the carrier reported."""
    report = and_(Delivery.channel == Channel.SMS, SmsReport.reference == Delivery.reference)
    query = select(*DELIVERY, SmsReport.status.label("report")).outerjoin(SmsReport, report)
    query = query.where(Delivery.business_id == actor.business_id, Delivery.channel.in_([Channel.SMS, Channel.EMAIL]))
    for name, value in filters.items():
        if value is not None:
            query = query.where(getattr(Delivery, name) == value)
    return paging.page(query, Delivery.id, limit=limit, cursor=cursor, newest_first=True)


_AUDIENCE = (
    Membership.id,
    Membership.role,
    Membership.status,
    Membership.full_name,
    Membership.phone,
    User.email,
    *WISHES,
    Business.name.label("business"),
    Business.timezone,
    BusinessSettings.sms.label("sms_on"),
    BusinessSettings.sms_sender,
    BusinessSettings.quiet_from,
    BusinessSettings.quiet_until,
)


def audience(row: dict, topic: Topic) -> list[dict]:
    """The members whom a row of the outbox is to be told, with how they and their business want it. One statement.

    Nobody is told as an admin what they have done themselves.
    """
    admins = and_(
        Membership.role == Role.ADMIN,
        Membership.status == MembershipStatus.ACTIVE,
        Membership.id != row["facts"].get("by_member_id", 0),
    )
    concerned = or_(
        Membership.id == row["member_id"] if topic.to_member else false(), admins if topic.to_admins else false()
    )
    own = and_(NotificationWish.business_id == Membership.business_id, NotificationWish.member_id == Membership.id)
    query = (
        select(*_AUDIENCE, clock.now().label("now"))
        .join(User, User.id == Membership.user_id)
        .join(Business, Business.id == Membership.business_id)
        .join(BusinessSettings, BusinessSettings.business_id == Membership.business_id)
        .outerjoin(NotificationWish, own)
        .where(Membership.business_id == row["business_id"], concerned)
        .order_by(Membership.id)
    )
    return [dict(member) for member in db.session.execute(query).mappings()]
