"""/businesses for platform staff; /business and /units of the business one works in; /public/businesses for all."""

from blueprints.businesses import queries, schemas, services
from blueprints.businesses.rules import UnitExists, UnknownTimezone
from blueprints.users.rules import AlreadyMember, LoginNeeded
from ofektom.auth import PUBLIC
from ofektom.examples import Example
from ofektom.schemas import PageIn
from ofektom.views import Slice

bp = Slice("businesses", __name__)

A_MINUTE = 60


@bp.get("/businesses", access="businesses.manage", query=PageIn(), answer=schemas.BusinessPage)
def businesses(query):
    """All businesses."""
    return queries.businesses(**query)


@bp.post(
    "/businesses",
    access="businesses.manage",
    body=schemas.BusinessIn(),
    answer=schemas.OpenedOut(),
    errors=[UnknownTimezone, LoginNeeded, AlreadyMember],
    example=Example(body={"admin": {"full_name": "Bisi Ojo", "username": "bisi"}}),
)
def open_business(actor, body):
    """Open a business and invite its first admin."""
    return services.open_business(actor=actor, **body)


@bp.get("/businesses/<id:business_id>", access="businesses.manage", answer=schemas.BusinessOut())
def business(business_id):
    """One business."""
    return queries.business(business_id)


@bp.patch(
    "/businesses/<id:business_id>",
    access="businesses.manage",
    body=schemas.BusinessChangesIn(),
    answer=schemas.BusinessOut(),
)
def change_business(actor, business_id, body):
    """Rename, deactivate or reactivate a business."""
    return services.change_business(actor=actor, business_id=business_id, changes=body)


@bp.get("/business", access="business.read", answer=schemas.BusinessOut())
def own_business(actor):
    """The business you work in."""
    return queries.business(actor.business_id)


@bp.get("/units", access="units.read", query=PageIn(), answer=schemas.UnitPage)
def units(actor, query):
    """The units of the business."""
    return queries.units(actor, **query)


@bp.post("/units", access="units.manage", body=schemas.UnitIn(), answer=schemas.UnitOut(), errors=[UnitExists])
def add_unit(actor, body):
    """Add a unit: a branch, market or route."""
    return services.add_unit(actor=actor, **body)


@bp.patch(
    "/units/<id:unit_id>",
    access="units.manage",
    body=schemas.UnitChangesIn(),
    answer=schemas.UnitOut(),
    errors=[UnitExists],
)
def change_unit(actor, unit_id, body):
    """Rename, close or reopen a unit."""
    return services.change_unit(actor=actor, unit_id=unit_id, changes=body)


@bp.get("/public/businesses/<id:business_id>", access=PUBLIC, public_for=A_MINUTE, answer=schemas.PublicPageOut())
def public_page(business_id):
    """What a business shows to anybody, if its setting `public_page` says so. A change may show a minute late."""
    return queries.public_page(business_id)
