"""How Alembic reaches the database: the application's engine and metadata, through Flask-Migrate."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, event

target = current_app.extensions["migrate"]
metadata = target.db.metadata
# A migration that cannot have its lock soon gives up, instead of queueing all traffic behind itself.
LOCK_TIMEOUT = "2s"
STATEMENT_TIMEOUT = "10min"


def run() -> None:
    with target.db.engine.connect() as connection:
        _limit(connection)
        # Each migration commits before the next: together they would lock tables in an order that requests do not keep.
        options = target.configure_args | {"transaction_per_migration": True}
        context.configure(connection=connection, target_metadata=metadata, **options)
        try:
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.invalidate()  # the pool closes it, instead of lending it to others with a migration's timeouts


def _limit(connection: Connection) -> None:
    """Give the session its timeouts, for a concurrent index is built outside any transaction and takes its time.

    PgBouncer would hand a session's on to others: through it only transactions have them.
    """
    limits = f"SET {{0}} lock_timeout = '{LOCK_TIMEOUT}'; SET {{0}} statement_timeout = '{STATEMENT_TIMEOUT}'"
    if current_app.config["PGBOUNCER"]:
        event.listen(connection, "begin", lambda begun: begun.exec_driver_sql(limits.format("LOCAL")))
    else:
        connection.exec_driver_sql(limits.format("SESSION"))
        connection.commit()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run()
