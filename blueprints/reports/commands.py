"""`flask verify`."""

import sys

import click
from flask.cli import with_appcontext
from sqlalchemy import text

from blueprints.reports import queries
from ofektom import audit
from ofektom.extensions import db


@click.command("verify")
@with_appcontext
def verify() -> None:
    """Check every invariant of the money and the audit chain; exit 1 when one is broken, naming the rows."""
    # Reading all books of a business takes longer than a statement of a request may.
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    broken = 0
    for business_id in queries.business_ids():
        for sentence, rows in queries.broken_invariants(business_id).items():
            broken += 1
            click.echo(f"business {business_id}: NOT TRUE that {sentence}: {rows}")
    for position in audit.broken_seals(audit.PLATFORM):
        broken += 1
        click.echo(f"platform: the audit chain is broken at {position}")
    click.echo("everything adds up" if not broken else f"{broken} invariants are broken")
    sys.exit(1 if broken else 0)
