"""/search."""

from blueprints.search import queries, schemas
from ofektom.views import Slice

bp = Slice("search", __name__)


@bp.get("/search", access="search.read", query=schemas.SearchQuery(), answer=schemas.FoundOut())
def search(actor, query):
    """Customers and their accounts by the beginnings of names, of a phone or of a tracking number."""
    return queries.search(actor, **query)
