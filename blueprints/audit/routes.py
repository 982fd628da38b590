"""/audit of the business one works in, and /platform/audit."""

from blueprints.audit import queries, schemas
from ofektom.audit import PLATFORM
from ofektom.views import Slice

bp = Slice("audit", __name__)


@bp.get("/audit", access="audit.read", query=schemas.EventsQuery(), answer=schemas.EventPage)
def events(actor, query):
    """What happened in the business, newest first."""
    return queries.events(actor.business_id, **query)


@bp.get("/platform/audit", access="audit.read_platform", query=schemas.EventsQuery(), answer=schemas.EventPage)
def platform_events(query):
    """What happened outside any business: platform staff, sign-ins without a business."""
    return queries.events(PLATFORM, **query)
