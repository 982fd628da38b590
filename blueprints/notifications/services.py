"""Verbs on one's own messages and wishes; and what is made of the outbox's rows, and how it is sent."""

from datetime import datetime

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from blueprints.notifications import queries
from blueprints.notifications.models import Message, NotificationWish
from blueprints.notifications.rules import (
    SECRET,
    TOPICS,
    Channel,
    Topic,
    default_wishes,
    end_of_quiet,
    mail_subject,
    sentence,
    sms_text,
)
from ofektom import audit, credentials, deliveries, mail, sms
from ofektom.database import verb
from ofektom.deliveries import Outcome
from ofektom.extensions import db
from ofektom.identity import Actor, MembershipStatus


@verb
def mark_read(*, actor: Actor, message_id: int) -> dict:
    """Note that the actor has read a message; the first time counts. Raises NotFound."""
    found = queries.message(actor, message_id)
    if found["read_at"] is not None:
        return found
    _mark(actor, Message.id == message_id)
    return queries.message(actor, message_id)


@verb
def mark_all_read(*, actor: Actor) -> int:
    """Note that the actor has read all their messages; returns how many were unread."""
    return _mark(actor)


def _mark(actor: Actor, *which) -> int:
    mine = (Message.business_id == actor.business_id) & (Message.member_id == actor.membership_id)
    marked = update(Message).where(mine, Message.read_at.is_(None), *which).values(read_at=func.now())
    return db.session.execute(marked.execution_options(synchronize_session=False)).rowcount


@verb
def change_wishes(*, actor: Actor, changes: dict) -> dict:
    """Change by which channels the actor wants to be told: nobody else can, least of all who takes their money.

    Raises NotFound when they are no member any more.
    """
    before = queries.wishes(actor)
    after = before | changes
    row = {"business_id": actor.business_id, "member_id": actor.membership_id} | after
    kept = (
        insert(NotificationWish)
        .values(row)
        .on_conflict_do_update(constraint="uq_notification_wishes_business_id_member_id", set_=after)
    )
    db.session.execute(kept)
    about = {"actor": actor, "before": {name: before[name] for name in changes}, "after": changes}
    audit.record("notifications.wishes_changed", "member", actor.membership_id, **about)
    return after


def tell_people(row: dict) -> None:
    """Make of a row of the outbox the messages, SMS and e-mails that its audience wants. Listens to the outbox."""
    topic = TOPICS.get(row["topic"])
    if topic is None:
        return
    told = queries.audience(row, topic)
    names = {member["id"]: member["full_name"] for member in told}
    for member in told:
        member["phone"] = row["facts"].get("phone", member["phone"])
        wanted = _wanted(member, topic)
        said = sentence(row["topic"], row["facts"], member["timezone"])
        if Channel.IN_APP in wanted:
            is_another = topic.to_member and member["id"] != row["member_id"]
            _leave_message(row, member, f"{names[row['member_id']]}: {said}" if is_another else said)
        if Channel.SMS in wanted:
            _send_sms(row, topic, member, said)
        if Channel.EMAIL in wanted:
            _send_email(row, topic, member, said)


def _wanted(member: dict, topic: Topic) -> set[Channel]:
    """The channels that reach a member and that they want; a secret takes its one way, or the first there is."""
    can_sms = sms.is_configured() and member["sms_on"] and member["phone"] is not None
    can_mail = mail.is_configured() and member["email"] is not None
    if topic.secret:
        ways = [(Channel.SMS, can_sms), (Channel.EMAIL, can_mail and not topic.by_phone)]
        return set([channel for channel, is_open in ways if is_open][:1])
    wishes = default_wishes(member["role"])
    wishes |= {channel: member[channel] for channel in Channel if member[channel] is not None}
    reached = {
        Channel.IN_APP: member["status"] == MembershipStatus.ACTIVE,  # who cannot sign in cannot read
        Channel.SMS: can_sms,
        Channel.EMAIL: can_mail,
    }
    return {channel for channel in Channel if wishes[channel] and reached[channel]}


def _leave_message(row: dict, member: dict, said: str) -> None:
    text = said[0].upper() + said[1:]
    about = {name: row[name] for name in ("business_id", "topic", "object_type", "object_id", "created_at")}
    db.session.add(Message(member_id=member["id"], text=text[:500], **about))
    db.session.flush()


def _send_sms(row: dict, topic: Topic, member: dict, said: str) -> None:
    not_before, lane = None, f"sms:{member['phone']}"
    if topic.secret:
        lane = f"sms at once:{member['phone']}"
    else:
        quiet = (member["quiet_from"], member["quiet_until"])
        not_before = end_of_quiet(member["now"], member["timezone"], *quiet)
    text = sms_text(member["business"], member["full_name"], said, row["seed"])
    content = {"text": text, "sender": member["sms_sender"]}
    _add(row, Channel.SMS, lane, member, content, address=member["phone"], not_before=not_before)


def _send_email(row: dict, topic: Topic, member: dict, said: str) -> None:
    names = {name: member[name].replace("{", "(") for name in ("business", "full_name")}
    text = f"Dear {names['full_name']},\n\n{said[0].upper()}{said[1:]}.\n\n{names['business']}\n"
    content = {"subject": mail_subject(names["business"], topic.title), "text": text}
    lane = f"email{' at once' if topic.secret else ''}:{member['email']}"
    _add(row, Channel.EMAIL, lane, member, content, address=member["email"])


def _add(row: dict, channel: Channel, lane: str, member: dict, content: dict, **more) -> None:
    about = {"business_id": row["business_id"], "event_id": row["id"], "topic": row["topic"], "seed": row["seed"]}
    expires_at = row["facts"]["expires_at"] if row["seed"] else None
    more |= {"member_id": member["id"], "expires_at": expires_at and datetime.fromisoformat(expires_at)}
    deliveries.add(channel.value, lane, content=content, **about, **more)


def send_sms(claimed: dict) -> Outcome:
    """Send a claimed SMS; a secret is made only now."""
    content = claimed["content"]
    return sms.send(claimed["address"], _with_secret(content["text"], claimed["seed"]), content["sender"])


def send_email(claimed: dict) -> Outcome:
    """Send a claimed e-mail; a secret is made only now."""
    content, name = claimed["content"], f"{claimed['business_id']}.{claimed['id']}"
    return mail.send(claimed["address"], content["subject"], _with_secret(content["text"], claimed["seed"]), name)


def _with_secret(text: str, seed: str | None) -> str:
    return text.replace(SECRET, credentials.secret_of(seed)) if seed else text
