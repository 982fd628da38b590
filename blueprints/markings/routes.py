"""/savings/{id}/markings to collect, /collections to look at and reverse, /route for the day's walk."""

from blueprints.markings import queries, schemas, services
from blueprints.markings.rules import BeyondPlan, CreditUsed, InTheFuture, NotASlot, ReversalClosed, TooFarBack
from blueprints.savings.rules import AccountClosed, NotACustomer, SlotTaken
from ofektom.ledger import AlreadyReversed, InsufficientFunds
from ofektom.money import AmountTooLarge
from ofektom.schemas import ReasonIn
from ofektom.views import Slice

bp = Slice("markings", __name__)

COLLECTION = schemas.CollectionOut()


@bp.post(
    "/savings/<id:account_id>/markings",
    access="markings.collect",
    body=schemas.CollectIn(),
    answer=schemas.ReceiptOut(),
    idempotent=True,
    dry_run=True,
    errors=[AccountClosed, NotACustomer, SlotTaken, NotASlot, BeyondPlan, AmountTooLarge, InTheFuture, TooFarBack],
)
def collect(actor, account_id, body):
    """Take cash and mark the card: by days, dates or amount, oldest open slot first."""
    return services.collect(actor=actor, account_id=account_id, **body)


@bp.get("/collections", access="markings.read", query=schemas.CollectionsQuery(), answer=schemas.CollectionPage)
def collections(actor, query):
    """Collections you may see, newest first."""
    return queries.collections(actor, **query)


@bp.get("/collections/<id:collection_id>", access="markings.read", answer=COLLECTION)
def collection(actor, collection_id):
    """One collection with the slots it paid."""
    return queries.collection(actor, collection_id)


@bp.post(
    "/collections/<id:collection_id>/reversal",
    access="markings.reverse",
    status=200,
    body=ReasonIn(),
    answer=COLLECTION,
    idempotent=True,
    dry_run=True,
    errors=[ReversalClosed, AlreadyReversed, CreditUsed, InsufficientFunds],
)
def reverse(actor, collection_id, body):
    """Take a collection back: by who recorded it for some minutes, afterwards by an admin."""
    return services.reverse(actor=actor, collection_id=collection_id, **body)


@bp.get("/route", access="markings.route", query=schemas.RouteQuery(), answer=schemas.RoutePage)
def route(actor, query):
    """Today's walk: each account in progress with what is due, missed or paid."""
    return queries.route(actor, **query)
