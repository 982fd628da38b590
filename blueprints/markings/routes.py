"""/savings/{id}/markings to collect, /collections to look at and reverse, /receipts to check, /route to walk."""

from blueprints.markings import queries, schemas, services
from blueprints.markings.rules import BeyondPlan, CreditUsed, InTheFuture, NotASlot, ReversalClosed, TooFarBack
from blueprints.savings.rules import AccountClosed, NotACustomer, SlotTaken
from ofektom.auth import PUBLIC
from ofektom.errors import NotFound
from ofektom.examples import Example
from ofektom.ledger import AlreadyReversed, InsufficientFunds
from ofektom.money import AmountTooLarge
from ofektom.schemas import ReasonIn
from ofektom.views import Slice

bp = Slice("markings", __name__)

A_MINUTE = 60
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
    example=Example(path={"collection_id": 2}),
)
def reverse(actor, collection_id, body):
    """Take a collection back: by who recorded it for some minutes, afterwards by an admin."""
    return services.reverse(actor=actor, collection_id=collection_id, **body)


@bp.get(
    "/receipts/<check_code>",
    access=PUBLIC,
    public_for=A_MINUTE,
    answer=schemas.ReceiptCheckOut(),
    example=Example(path={"check_code": "3233-2222-2222-2222"}, refused=NotFound, why="the code is a receipt's own"),
)
def check_receipt(check_code):
    """What the receipt with this code vouches for, and whether it still counts; not whose it is.

    The code may be in upper or lower case, with or without hyphens and spaces. A reversal may show a minute late.
    """
    return queries.receipt(check_code)


@bp.get("/route", access="markings.route", query=schemas.RouteQuery(), answer=schemas.RoutePage)
def route(actor, query):
    """Today's walk: each account in progress with what is due, missed or paid."""
    return queries.route(actor, **query)
