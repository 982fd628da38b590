"""The connections to PostgreSQL: how many, what each is told when it opens, and whether it lives when it is used."""

import logging
import select
import time
from contextlib import closing

import orjson
import psycopg2
from gevent import monkey
from sqlalchemy import event, make_url, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from ofektom.config import ConfigurationError, Settings
from ofektom.driver import Connection
from ofektom.extensions import db

log = logging.getLogger(__name__)

RECYCLE_SECONDS = 3600
PING_AFTER_SECONDS = 30
OVERFLOW_SECONDS = 60
# For a person with psql, a migration, a backup.
RESERVED_CONNECTIONS = 5

# gevent's own would let other greenlets run in the middle of a look that never waits.
_poll = monkey.get_original("select", "poll")


class KeepingPool(QueuePool):
    """Keeps its overflow, too, for as long as somebody needs it.

    SQLAlchemy's own closes what lies over the size as soon as it comes back. With more requests at once than that each
    then opened a connection of its own, which cost PostgreSQL ten times what the request did.
    """

    # By it SQLAlchemy names the logger, and what it tells of each connection is no line of the service.
    __module__ = QueuePool.__module__

    def __init__(self, creator, *, pool_size: int = 5, max_overflow: int = 10, **options):
        # The last one back is the first to be used again, so that those nobody needs are seen to be idle.
        super().__init__(creator, pool_size=pool_size + max_overflow, max_overflow=0, **options | {"use_lifo": True})
        self._usual = pool_size

    def recreate(self) -> "KeepingPool":
        fresh = super().recreate()
        fresh._usual = self._usual
        return fresh

    def size(self) -> int:
        return self._usual

    def overflow(self) -> int:
        return self.checkedin() + self.checkedout() - self._usual

    def shrink(self) -> None:
        """Close what lies over the size and was not in use for OVERFLOW_SECONDS."""
        long_ago, idle, unused = time.monotonic() - OVERFLOW_SECONDS, self._pool.queue, []
        with self._pool.mutex:
            while self.overflow() > 0 and idle and idle[0].info.get("used", 0) < long_ago:
                unused.append(idle.popleft())
                self._dec_overflow()
        for record in unused:
            record.close()


def driver_url(url: str) -> str:
    """`url` naming psycopg2, whatever scheme the host gave.

    Heroku says postgres://, and SQLAlchemy 2.1 reads postgresql:// as psycopg 3.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme.split("+")[0] in {"postgres", "postgresql"}:
        return f"postgresql+psycopg2://{rest}"
    raise ValueError("DATABASE_URL must be a postgresql:// address")


def session_parameters(settings: Settings) -> dict[str, str]:
    """What every session of ours runs with, by PostgreSQL's names."""
    return {
        "statement_timeout": f"{settings.statement_timeout_ms}ms",
        "lock_timeout": f"{settings.lock_timeout_ms}ms",
        "idle_in_transaction_session_timeout": f"{settings.idle_in_transaction_timeout_ms}ms",
        "timezone": "UTC",
        "work_mem": settings.work_mem,
        "random_page_cost": str(settings.random_page_cost),
        "effective_cache_size": settings.effective_cache_size,
        "max_parallel_workers_per_gather": str(settings.parallel_workers),
        # For a page of a list it prepares to remember as many rows as the table has: 7 ms, at a million of them.
        "enable_memoize": "off",
    }


def engine_options(settings: Settings) -> dict:
    """The options of the engine. Pool sizes are per instance and divided over its workers."""
    size, overflow = _worker_share(settings)
    return {
        "poolclass": KeepingPool,
        "pool_size": size,
        "max_overflow": overflow,
        "pool_timeout": settings.pool_wait_seconds,
        "pool_recycle": RECYCLE_SECONDS,
        "json_deserializer": orjson.loads,
        # Values of a failed statement would end up in the log.
        "hide_parameters": True,
        # Nobody uses that type, and asking for its number made a new connection three times as dear.
        "use_native_hstore": False,
        "connect_args": _connect_args(settings),
    }


def _worker_share(settings: Settings) -> tuple[int, int]:
    return max(1, settings.pool_size // settings.workers), settings.pool_overflow // settings.workers


def _connect_args(settings: Settings) -> dict:
    arguments = {"connect_timeout": 2, "application_name": "ofektom", "connection_factory": Connection}
    # PgBouncer refuses them: there the role brings its parameters.
    if not settings.pgbouncer:
        parameters = session_parameters(settings)
        arguments["options"] = " ".join(f"-c {name}={value}" for name, value in parameters.items())
    return arguments


def check_at_checkout(engine: Engine, *, ping: bool) -> None:
    """Have the pool of `engine` replace a connection that has died in it, before anybody uses it.

    Costs no round trip, but for a connection last used PING_AFTER_SECONDS ago when `ping`.
    See docs/decisions/0012-checkout-check.md.
    """

    def check(connection, record, _proxy) -> None:
        now, used = time.monotonic(), record.info.get("used")
        record.info["used"] = now
        if used is None:  # new: the pool forgets `info` when it connects again
            return
        try:
            if _has_something_to_read(connection):
                raise DisconnectionError("the server has closed it, or has sent what nobody asked for")
            if ping and now - used > PING_AFTER_SECONDS:
                _ping(connection)
        except psycopg2.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkout", check)


def note_what_is_prepared(engine: Engine, *, nothing_can_be: bool) -> None:
    """Give each new connection of `engine` the set of what is prepared on it, in its `info`; None where nothing can be.

    Behind PgBouncer a connection's next statement may run on another one of the server's.
    """

    def note(_connection, record) -> None:
        record.info["prepared"] = None if nothing_can_be else set()

    event.listen(engine, "connect", note)


def _has_something_to_read(connection) -> bool:
    poll = _poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _ping(connection) -> None:
    """Ask for an answer and leave no transaction open. A connection that fails here is thrown away as it is."""
    connection.autocommit = True
    connection.cursor().execute("SELECT 1")
    connection.autocommit = False


def get_connection_pool_status() -> dict[str, int]:
    """How many connections this process keeps, has idle and has in use at this moment."""
    pool = db.engine.pool
    idle, used = pool.checkedin(), pool.checkedout()
    return {
        "pool_size": pool.size(),
        "connections_checked_in": idle,
        "connections_checked_out": used,
        "overflow": max(0, pool.overflow()),
        "total_connections": idle + used,
    }


def is_answering() -> bool:
    """Whether a connection can be had and PostgreSQL answers a statement on it."""
    try:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.scalar(text("SELECT 1")) == 1
    except SQLAlchemyError:
        return False


def check_capacity(settings: Settings) -> None:
    """Raise ConfigurationError when all instances together may open more connections than the server allows.

    A server that cannot be reached is only logged: the service may start before its database. Behind PgBouncer it is
    PgBouncer that counts, and this asks nobody.
    """
    if settings.pgbouncer:
        return
    query = """
        SELECT least(
            (SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings
             WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')),
            (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
            (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))
    """
    for (allowed,) in _ask_once(settings, query):
        most = settings.instances * settings.workers * sum(_worker_share(settings))
        if most > allowed - RESERVED_CONNECTIONS:
            raise ConfigurationError(
                f"{settings.instances} instances of {settings.workers} workers may open {most} connections, but"
                f" PostgreSQL allows {allowed} (max_connections less its reserves, or the role's or the database's"
                f" limit), of which {RESERVED_CONNECTIONS} are for other work: lower DB_POOL_SIZE, DB_POOL_OVERFLOW"
                " or INSTANCES, raise max_connections, or put PgBouncer between"
            )


def check_role(settings: Settings) -> None:
    """Raise ConfigurationError when a session through PgBouncer runs without the parameters of `settings`.

    A server that cannot be reached is only logged. Without PgBouncer this asks nobody.
    """
    if not settings.pgbouncer:
        return
    # The server itself knows that 5000ms is its 5s: what it makes of our value is forgotten with the transaction.
    query = """
        WITH wanted AS MATERIALIZED (
            SELECT name, value, current_setting(name) AS found
            FROM unnest(%(names)s, %(values)s) AS parameter (name, value)
        )
        SELECT name, found, set_config(name, value, true) FROM wanted
    """
    parameters = session_parameters(settings)
    values = {"names": list(parameters), "values": list(parameters.values())}
    rows = _ask_once(settings, query, values)
    wrong = [f"{name} is {found} and not {wanted}" for name, found, wanted in rows if found != wanted]
    if wrong:
        raise ConfigurationError(
            f"PgBouncer's sessions lack the parameters of the settings: {', '.join(wrong)}."
            " Run what `flask --app wsgi role-parameters` prints, then RECONNECT in PgBouncer's console"
        )


def role_parameters(settings: Settings) -> list[str]:
    """The statements that give the role of DATABASE_URL the parameters of `settings`, for every new session of it.

    Raises ConfigurationError when DATABASE_URL names no role.
    """
    role = make_url(driver_url(settings.database_url)).username
    if not role:
        raise ConfigurationError("DATABASE_URL must name the role whose parameters are to be set")
    name = '"' + role.replace('"', '""') + '"'
    return [f"ALTER ROLE {name} SET {key} = '{value}';" for key, value in session_parameters(settings).items()]


def _ask_once(settings: Settings, query: str, values: dict | None = None) -> list[tuple]:
    """The rows of `query`, over a connection that is closed again; none when the server does not answer."""
    url = driver_url(settings.database_url).replace("+psycopg2", "", 1)
    try:
        with (
            closing(psycopg2.connect(url, **_connect_args(settings))) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query, values)
            return cursor.fetchall()
    except psycopg2.Error as error:
        log.warning("cannot ask the database whether it suits the settings: %s", error)
        return []
