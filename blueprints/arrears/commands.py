"""`flask reckon`."""

import click
from flask.cli import with_appcontext

from blueprints.arrears import queries, services
from blueprints.arrears.services import Books
from ofektom import reporting


def _say(found: dict) -> str:
    lines = [
        "business {business_id}: reckoning {reckoning_id}, {pieces} pieces".format(**one) for one in found["reckoned"]
    ]
    return "\n".join(lines) or "nobody is due"


@click.command("reckon", short_help="Add up the arrears of businesses with many accounts.")
@click.option("--business", "business_id", type=int, help="Reckon this business anew, due or not.")
@reporting.reports(_say)
@with_appcontext
def reckon(business_id: int | None) -> dict:
    """Add up the arrears of the businesses that are due and have too many accounts to do so when somebody asks.

    Broken off, it goes on where it was; run twice at once, one adds what the other does not.
    """
    businesses, reckoned = [Books(**row) for row in queries.to_reckon(business_id)], []
    if business_id is not None and not businesses:
        raise click.BadParameter(f"there is no business {business_id}", param_hint="--business")
    for books in businesses:
        with reporting.progress(queries.open_accounts(books.business_id), f"business {books.business_id}") as advance:
            reckoning_id, pieces = services.begin(books), 0
            while services.go_on(books, reckoning_id):
                pieces += 1
                advance(services.PIECE)
        reckoned.append({"business_id": books.business_id, "reckoning_id": reckoning_id, "pieces": pieces})
    return {"reckoned": reckoned}
