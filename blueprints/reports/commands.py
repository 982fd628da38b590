"""`flask verify`."""

import click
from flask.cli import with_appcontext
from sqlalchemy import text

from blueprints.reports import queries
from ofektom import audit, reporting
from ofektom.extensions import db


def _say(found: dict) -> str:
    lines = [
        f"business {one['business_id']}: NOT TRUE that {one['sentence']}: {one['rows']}" for one in found["broken"]
    ]
    lines += [f"platform: the audit chain is broken at {position}" for position in found["broken_seals"]]
    return "\n".join([*lines, f"{len(lines)} invariants are broken" if lines else "everything adds up"])


@click.command("verify", short_help="Check all the money and the audit chains.")
@reporting.reports(_say)
@with_appcontext
def verify() -> dict:
    """Check every invariant of the money and the audit chain; exit 1 when one is broken, naming the rows."""
    # Reading all books of a business takes longer than a statement of a request may.
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    businesses, broken = queries.business_ids(), []
    with reporting.progress(len(businesses) * queries.CHECKS, "verifying") as advance:
        for business_id in businesses:
            for sentence, rows in queries.checked(business_id):
                if rows:
                    broken.append({"business_id": business_id, "sentence": sentence, "rows": rows})
                advance()
    seals = audit.broken_seals(audit.PLATFORM)
    return {
        "ok": not broken and not seals,
        "businesses": len(businesses),
        "broken": broken,
        "broken_seals": seals,
    }
