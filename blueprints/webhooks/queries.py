"""Reads of a business's webhooks and of the calls they got."""

from sqlalchemy import Select, any_, func, or_, select

from blueprints.webhooks.models import Webhook
from blueprints.webhooks.rules import CHANNEL, event_name
from ofektom import paging
from ofektom.database import only, only_row
from ofektom.deliveries import Delivery
from ofektom.extensions import db
from ofektom.identity import Actor
from ofektom.plain import Statement

WEBHOOK = tuple(column for column in Webhook.__table__.c if column.name not in {"business_id", "seed"})
CALL = tuple(
    Delivery.__table__.c[name]
    for name in (
        "business_id",
        "id",
        "event_id",
        "topic",
        "state",
        "attempts",
        "created_at",
        "due_at",
        "ended_at",
        "error",
    )
)


def _visible(actor: Actor) -> Select:
    return select(*WEBHOOK).where(Webhook.business_id == actor.business_id)


def webhooks(actor: Actor, *, limit: int, cursor: str | None) -> dict:
    """A page of the business's webhooks."""
    return paging.page(_visible(actor), Webhook.id, limit=limit, cursor=cursor)


def webhook(actor: Actor, webhook_id: int) -> dict:
    """One webhook; raises NotFound."""
    return only_row(_visible(actor).where(Webhook.id == webhook_id))


def locked(business_id: int, webhook_id: int) -> Webhook:
    """One webhook, locked and read afresh; raises NotFound."""
    mine = (Webhook.business_id == business_id) & (Webhook.id == webhook_id)
    return only(select(Webhook).where(mine).with_for_update().execution_options(populate_existing=True))


_TARGET = Statement("SELECT url, seed FROM webhooks WHERE business_id = %(business_id)s AND id = %(webhook_id)s")


def target(business_id: int, webhook_id: int) -> dict | None:
    """Where to call and what signs it. On its own, so that no connection is held while others take their time."""
    rows = _TARGET.run({"business_id": business_id, "webhook_id": webhook_id})
    return rows[0] if rows else None


def count(business_id: int) -> int:
    """How many webhooks a business has."""
    return db.session.scalar(select(func.count()).where(Webhook.business_id == business_id))


def listening(business_id: int, topic: str) -> list[int]:
    """The webhooks that are to be called about a topic."""
    wanted = or_(func.cardinality(Webhook.events) == 0, any_(Webhook.events) == topic)
    query = select(Webhook.id).where(Webhook.business_id == business_id, Webhook.is_active, wanted)
    return list(db.session.scalars(query.order_by(Webhook.id)))


def _calls(actor: Actor, webhook_id: int) -> Select:
    webhook(actor, webhook_id)
    of_webhook = (Delivery.business_id == actor.business_id) & (Delivery.target_id == webhook_id)
    return select(*CALL).where(of_webhook, Delivery.channel == CHANNEL)


def calls(actor: Actor, webhook_id: int, *, limit: int, cursor: str | None, state: str | None) -> dict:
    """A page of the calls of a webhook, newest first; raises NotFound."""
    query = _calls(actor, webhook_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    page = paging.page(query, Delivery.id, limit=limit, cursor=cursor, newest_first=True)
    return page | {"items": [_shown(row) for row in page["items"]]}


def call(actor: Actor, webhook_id: int, delivery_id: int) -> dict:
    """One call of a webhook; raises NotFound."""
    return _shown(only_row(_calls(actor, webhook_id).where(Delivery.id == delivery_id)))


def _shown(row) -> dict:
    return dict(row) | {"event": event_name(row["business_id"], row["event_id"])}
