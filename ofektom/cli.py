"""Commands: those of the kernel, and the `COMMANDS` that a slice may bring. How they report is in `reporting.py`."""

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from ofektom import (
    audit,
    credentials,
    database,
    deliveries,
    delivering,
    discovery,
    freshness,
    idempotency,
    pool,
    reporting,
    scaffolding,
    sms,
)
from ofektom.caching import get_cache
from ofektom.config import load_settings
from ofektom.db_report import db_report
from ofektom.extensions import db
from ofektom.identity import Business


@click.command("seal-audit", short_help="Seal new audit rows into the hash chains.")
@reporting.reports("sealed {sealed} audit rows".format_map)
@with_appcontext
def seal_audit() -> dict:
    """Seal the audit rows written since the last time into each business's hash chain."""
    seal, sealed = database.verb(audit.seal), 0
    chains = [audit.PLATFORM, *db.session.scalars(select(Business.id).order_by(Business.id)).all()]
    with reporting.progress(len(chains), "sealing") as advance:
        for business_id in chains:
            while count := seal(business_id):
                sealed += count
            advance()
    return {"sealed": sealed}


_TIDIED = (
    "deleted {idempotency_keys} idempotency keys, {guess_budgets} guess budgets, {changed_facts} notes of changed facts"
    " and {deliveries} deliveries and reports of them"
)


@click.command("tidy", short_help="Delete what is past its time.")
@reporting.reports(_TIDIED.format_map)
@with_appcontext
def tidy() -> dict:
    """Delete idempotency keys, guess budgets, notes of changed facts and ended deliveries that are past their time."""
    steps = [
        ("idempotency_keys", lambda: database.verb(idempotency.forget)(current_app.config["IDEMPOTENCY_DAYS"])),
        ("guess_budgets", credentials.forget_guesses),
        ("changed_facts", database.verb(freshness.forget)),
        ("deliveries", database.verb(deliveries.forget)),
        ("deliveries", lambda: database.verb(sms.forget_reports)(deliveries.KEPT_DAYS)),
    ]
    deleted = dict.fromkeys([name for name, _ in steps], 0)
    with reporting.progress(len(steps), "tidying") as advance:
        for name, forget in steps:
            deleted[name] += forget()
            advance()
    return deleted


@click.command("role-parameters", short_help="Print SQL that prepares the role for PgBouncer.")
@reporting.reports(lambda found: "\n".join(found["statements"]))
def role_parameters() -> dict:
    """Print the statements that give the database role, for use behind PgBouncer, the parameters of the settings."""
    return {"statements": pool.role_parameters(load_settings())}


@click.command("flush-cache", short_help="Empty the cache, after a restore.")
@reporting.reports("forgot {forgotten} keys".format_map)
@with_appcontext
def flush_cache() -> dict:
    """Forget everything of this service in Redis: after the database was restored to an earlier point."""
    return {"forgotten": get_cache().flush_db()}


def init_app(app: Flask) -> None:
    """Install the commands."""
    app.cli.add_command(seal_audit)
    app.cli.add_command(tidy)
    app.cli.add_command(flush_cache)
    app.cli.add_command(db_report)
    app.cli.add_command(role_parameters)
    app.cli.add_command(scaffolding.new_blueprint)
    app.cli.add_command(delivering.deliver)
    app.cli.add_command(delivering.show_deliveries)
    for module in discovery.find_slices().values():
        for command in getattr(module, "COMMANDS", ()):
            app.cli.add_command(command)
