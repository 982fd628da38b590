"""Reads of collections and of a collector's route, within the caller's sight."""

from datetime import date

from sqlalchemy import Select, and_, func, select

from blueprints.markings.models import Collection
from blueprints.markings.rules import route_status
from blueprints.savings import queries as savings
from blueprints.savings.models import Marking, SavingsAccount
from blueprints.savings.queries import Card
from blueprints.savings.rules import OPEN_STATES
from blueprints.users.queries import in_sight
from ofektom import paging
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, Role

COLUMNS = tuple(Collection.__table__.c)


def _markings():
    slot = func.json_build_object("date", Marking.slot_date, "amount", Marking.amount, "cycle", Marking.cycle)
    own = and_(Marking.business_id == Collection.business_id, Marking.collection_id == Collection.id)
    return select(func.coalesce(func.json_agg(slot), func.json_build_array())).where(own).scalar_subquery()


def _collections(actor: Actor) -> Select:
    account = and_(SavingsAccount.business_id == Collection.business_id, SavingsAccount.id == Collection.account_id)
    customer = and_(Membership.business_id == SavingsAccount.business_id, Membership.id == SavingsAccount.customer_id)
    return (
        select(*COLUMNS, _markings().label("slots"))
        .join(SavingsAccount, account)
        .join(Membership, customer)
        .where(Collection.business_id == actor.business_id, in_sight(actor))
    )


def _shown(row) -> dict:
    slots = sorted(row["slots"], key=lambda slot: slot["date"])
    return dict(row) | {"slots": [slot | {"date": date.fromisoformat(slot["date"])} for slot in slots]}


def collection(actor: Actor, collection_id: int) -> dict:
    """One collection in the actor's sight, with its slots; raises NotFound."""
    row = db.session.execute(_collections(actor).where(Collection.id == collection_id)).mappings().first()
    if row is None:
        raise NotFound
    return _shown(row)


def collections(actor: Actor, *, limit: int, cursor: str | None, **filters) -> dict:
    """A page of collections, newest first, filtered by account_id, collector_id or collected_on."""
    query = _collections(actor)
    for name, value in filters.items():
        if value is not None:
            query = query.where(getattr(Collection, name) == value)
    page = paging.page(query, Collection.id, limit=limit, cursor=cursor, newest_first=True)
    return page | {"items": [_shown(row) for row in page["items"]]}


def route(actor: Actor, *, collector_id: int | None, limit: int, cursor: str | None) -> dict:
    """A page of a collector's accounts in progress with what is to be done at each today.

    Collectors see their own customers unless they name one of their sub-agents; an admin everybody's unless they name
    one.
    """
    if collector_id is None and actor.role != Role.ADMIN:
        collector_id = actor.membership_id
    conditions = [SavingsAccount.state.in_(OPEN_STATES)]
    if collector_id is not None:
        conditions.append(Membership.parent_id == collector_id)
    page, following = savings.cards(actor, *conditions, limit=limit, cursor=cursor)
    return {"items": [_stop(card) for card in page], "next": following}


def _stop(card: Card) -> dict:
    slots = card.plan.slots()
    today = card.today
    open_until_today = [slot for slot in slots if not slot.paid and slot.date <= today]
    missed = [slot for slot in open_until_today if slot.date < today]
    return {
        "account_id": card.id,
        "tracking_number": card.row["tracking_number"],
        "customer_id": card.row["customer_id"],
        "customer_name": card.row["customer_name"],
        "status": route_status(slots, today),
        "missed": len(missed),
        "amount_due": sum(slot.amount for slot in open_until_today),
        "credit": card.row["credit"],
    }
