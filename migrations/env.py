"""How Alembic reaches the database: the application's engine and metadata, through Flask-Migrate."""

from alembic import context
from flask import current_app
from sqlalchemy import text

target = current_app.extensions["migrate"]
metadata = target.db.metadata
# A migration that cannot have its lock soon gives up, instead of queueing all traffic behind itself.
LOCK_TIMEOUT = "2s"
STATEMENT_TIMEOUT = "10min"


def run() -> None:
    with target.db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, **target.configure_args)
        with context.begin_transaction():
            # LOCAL: the connection goes back to the pool, or to PgBouncer's, without a migration's timeouts.
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
            context.run_migrations()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run()
