"""Commands: those of the kernel, and the `commands` group that a slice may bring."""

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
    scaffolding,
    sms,
)
from ofektom.caching import get_cache
from ofektom.config import load_settings
from ofektom.db_report import db_report
from ofektom.extensions import db
from ofektom.identity import Business


@click.command("seal-audit")
@with_appcontext
def seal_audit() -> None:
    """Seal the audit rows written since the last time into each business's hash chain."""
    seal = database.verb(audit.seal)
    sealed = 0
    for business_id in [audit.PLATFORM, *db.session.scalars(select(Business.id).order_by(Business.id)).all()]:
        while count := seal(business_id):
            sealed += count
    click.echo(f"sealed {sealed} audit rows")


@click.command("tidy")
@with_appcontext
def tidy() -> None:
    """Delete idempotency keys, guess budgets, notes of changed facts and ended deliveries that are past their time."""
    keys = database.verb(idempotency.forget)(current_app.config["IDEMPOTENCY_DAYS"])
    budgets, changes = credentials.forget_guesses(), database.verb(freshness.forget)()
    ended = database.verb(deliveries.forget)() + database.verb(sms.forget_reports)(deliveries.KEPT_DAYS)
    click.echo(
        f"deleted {keys} idempotency keys, {budgets} guess budgets, {changes} notes of changed facts and {ended}"
        " deliveries and reports of them"
    )


@click.command("role-parameters")
def role_parameters() -> None:
    """Print the statements that give the database role, for use behind PgBouncer, the parameters of the settings."""
    click.echo("\n".join(pool.role_parameters(load_settings())))


@click.command("flush-cache")
@with_appcontext
def flush_cache() -> None:
    """Forget everything of this service in Redis: after the database was restored to an earlier point."""
    click.echo(f"forgot {get_cache().flush_db()} keys")


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
