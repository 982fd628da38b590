"""The command that makes the first super admin: nobody signs himself up as staff."""

import secrets

import click
from flask.cli import with_appcontext

from blueprints.auth import schemas, services
from ofektom.credentials import hash_secret
from ofektom.reporting import reports
from ofektom.views import load


@click.command("create-super-admin", short_help="Create platform staff.")
@click.option("--username", required=True, help="What they sign in with.")
@click.option("--name", "full_name", required=True, help="Their full name.")
@reports("super admin {username} created; password (shown only now): {password}".format_map)
@with_appcontext
def create_super_admin(username: str, full_name: str) -> dict:
    """Create platform staff with a random password, printed once."""
    password = secrets.token_urlsafe(18)
    person = load(schemas.SuperAdminIn(), {"username": username, "full_name": full_name})
    services.create_super_admin(**person, password_hash=hash_secret(password))
    return {"username": username, "password": password}
