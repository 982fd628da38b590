"""`flask reckon`."""

import json
import time

import click
from flask.cli import with_appcontext

from blueprints.arrears import queries, services
from blueprints.arrears.services import Books


@click.command("reckon")
@click.option("--business", "business_id", type=int, help="Reckon this business anew, due or not.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a business instead of sentences.")
@with_appcontext
def reckon(business_id: int | None, as_json: bool) -> None:
    """Reckon the arrears of the businesses that are due and have too many accounts to do so when somebody asks.

    Broken off, it goes on where it was; run twice at once, one adds what the other does not.
    """
    businesses = queries.to_reckon(business_id)
    if business_id is not None and not businesses:
        raise click.BadParameter(f"there is no business {business_id}", param_hint="--business")
    for business in businesses:
        books, began = Books(**business), time.monotonic()
        reckoning_id, pieces = services.begin(books), 0
        while services.go_on(books, reckoning_id):
            pieces += 1
            click.echo(f"business {books.business_id}: {pieces * services.PIECE} accounts at most", err=True)
        facts = {"business_id": books.business_id, "reckoning_id": reckoning_id, "pieces": pieces}
        facts["seconds"] = round(time.monotonic() - began, 1)
        said = "business {business_id}: reckoning {reckoning_id}, {pieces} pieces in {seconds} s"
        click.echo(json.dumps(facts) if as_json else said.format(**facts))
