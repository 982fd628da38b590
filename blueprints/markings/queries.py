"""Reads of collections and of a collector's route, within the caller's sight."""

import hmac
from datetime import date

from sqlalchemy import Select, and_, func, select

from blueprints.markings.models import Collection
from blueprints.markings.rules import ReceiptStatus, bare_code, in_groups, named_by, receipt_code, route_status
from blueprints.savings import queries as savings
from blueprints.savings.models import Marking, SavingsAccount
from blueprints.savings.queries import ITS_CUSTOMER, Card
from blueprints.savings.rules import OPEN_STATES
from blueprints.users.queries import in_sight
from ofektom import paging
from ofektom.credentials import keyed_hash
from ofektom.database import only_row
from ofektom.errors import NotFound
from ofektom.identity import Actor, Business, Membership, Role

COLUMNS = tuple(Collection.__table__.c)


def _markings():
    slot = func.json_build_object("date", Marking.slot_date, "amount", Marking.amount, "cycle", Marking.cycle)
    own = and_(Marking.business_id == Collection.business_id, Marking.collection_id == Collection.id)
    return select(func.coalesce(func.json_agg(slot), func.json_build_array())).where(own).scalar_subquery()


def _collections(actor: Actor) -> Select:
    account = and_(SavingsAccount.business_id == Collection.business_id, SavingsAccount.id == Collection.account_id)
    return (
        select(*COLUMNS, _markings().label("slots"))
        .join(SavingsAccount, account)
        .join(Membership, ITS_CUSTOMER)
        .where(Collection.business_id == actor.business_id, in_sight(actor))
    )


def _shown(row) -> dict:
    return dict(row) | {"slots": _slots(row), "check_code": check_code(row["business_id"], row["id"])}


def _slots(row) -> list[dict]:
    slots = sorted(row["slots"], key=lambda slot: slot["date"])
    return [slot | {"date": date.fromisoformat(slot["date"])} for slot in slots]


def check_code(business_id: int, collection_id: int) -> str:
    """The code printed on a collection's receipt, by which anybody can look up what it vouches for."""
    return in_groups(_bare_check_code(business_id, collection_id))


def _bare_check_code(business_id: int, collection_id: int) -> str:
    return receipt_code(business_id, collection_id, keyed_hash(f"receipt-code:{business_id}:{collection_id}"))


_RECEIPT = (
    Business.name.label("business_name"),
    Business.currency,
    Collection.number.label("receipt_number"),
    Collection.amount,
    Collection.collected_on,
    Collection.at,
    Collection.reversed_at,
)


def receipt(code: str) -> dict:
    """What anybody who holds a receipt's code may know of its collection; raises NotFound.

    A code we have not made is refused before anything is read, so that its time tells nothing of what it names.
    """
    bare = bare_code(code)
    business_id, collection_id = named_by(bare)
    if not hmac.compare_digest(_bare_check_code(business_id, collection_id), bare):
        raise NotFound
    query = (
        select(*_RECEIPT, _markings().label("slots"))
        .join(Business, Business.id == Collection.business_id)
        .where(Collection.business_id == business_id, Collection.id == collection_id)
    )
    row = only_row(query)
    status = ReceiptStatus.VALID if row["reversed_at"] is None else ReceiptStatus.REVERSED
    return row | {"slots": _slots(row), "status": status}


def collection(actor: Actor, collection_id: int) -> dict:
    """One collection in the actor's sight, with its slots; raises NotFound."""
    return _shown(only_row(_collections(actor).where(Collection.id == collection_id)))


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
