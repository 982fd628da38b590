"""The command that makes the first super admin: nobody signs himself up as staff."""

import secrets

import click
from flask.cli import with_appcontext
from marshmallow import ValidationError

from blueprints.auth import schemas, services
from blueprints.auth.rules import LoginTaken
from ofektom.credentials import hash_secret


@click.command("create-super-admin")
@click.option("--username", required=True, help="what they sign in with")
@click.option("--name", "full_name", required=True, help="their full name")
@with_appcontext
def create_super_admin(username: str, full_name: str) -> None:
    """Create platform staff with a random password, printed once."""
    password = secrets.token_urlsafe(18)
    try:
        person = schemas.SuperAdminIn().load({"username": username, "full_name": full_name})
        services.create_super_admin(**person, password_hash=hash_secret(password))
    except (ValidationError, LoginTaken) as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(f"super admin {username} created; password (shown only now): {password}")
