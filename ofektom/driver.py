"""psycopg2 connections that wait less: what nobody waits for travels with what comes next.

To wait for PostgreSQL costs a worker more than most statements cost the server: it serves others meanwhile, and goes on
only when it is its turn again. psycopg2 waits for BEGIN and for COMMIT as well. Here BEGIN travels with the first
statement of a transaction, and what was handed to `later` with the next one, or with COMMIT. PostgreSQL runs them one
after the other, each with a snapshot of its own, and after one that fails none.
"""

import functools
from collections.abc import Callable

import psycopg2
from psycopg2 import extensions
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, ISOLATION_LEVEL_READ_COMMITTED, TRANSACTION_STATUS_IDLE


def _after_what_lies_ahead(method: Callable) -> Callable:
    """A `method` of psycopg2's cursor that does not come by `execute`, once what lies ahead has been sent."""

    @functools.wraps(method)
    def run(cursor: "Cursor", *args, **options):
        if ahead := cursor.connection.take_ahead():
            extensions.cursor.execute(cursor, b";\n".join(ahead))
        return method(cursor, *args, **options)

    return run


class Cursor(extensions.cursor):
    """Sends what lies ahead of a statement together with it; rows and errors are as if it were alone."""

    connection: "Connection"

    def execute(self, query, vars=None):
        ahead = self.connection.take_ahead()
        if not ahead:
            return super().execute(query, vars)
        return super().execute(b";\n".join([*ahead, self.mogrify(query, vars)]))

    executemany = _after_what_lies_ahead(extensions.cursor.executemany)
    callproc = _after_what_lies_ahead(extensions.cursor.callproc)
    copy_expert = _after_what_lies_ahead(extensions.cursor.copy_expert)
    copy_from = _after_what_lies_ahead(extensions.cursor.copy_from)
    copy_to = _after_what_lies_ahead(extensions.cursor.copy_to)


class Connection(extensions.connection):
    """A connection that begins, commits and rolls back by itself, so that it may do so in company.

    psycopg2 below it takes each of its statements for a transaction, so named cursors are refused.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        extensions.connection.autocommit.__set__(self, True)
        self.cursor_factory = Cursor
        self._autocommit = False
        self._waiting: list[bytes] = []

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, alone: bool) -> None:
        if self.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            raise psycopg2.ProgrammingError("autocommit cannot be changed inside a transaction")
        self._autocommit = alone

    def set_isolation_level(self, level: int) -> None:
        """READ COMMITTED or AUTOCOMMIT; as in psycopg2, a transaction that has begun is rolled back."""
        if level not in (ISOLATION_LEVEL_AUTOCOMMIT, ISOLATION_LEVEL_READ_COMMITTED):
            raise psycopg2.NotSupportedError("transactions are READ COMMITTED here")
        self.rollback()
        self.autocommit = level == ISOLATION_LEVEL_AUTOCOMMIT

    def later(self, statement: bytes) -> None:
        """Send `statement`, whose rows nobody reads, with the next one. Should it fail, that one raises its error."""
        self._waiting.append(statement)

    def take_ahead(self) -> list[bytes]:
        """What has to be sent before the next statement; it will not be given again."""
        ahead, self._waiting = self._waiting, []
        if not self._autocommit and self.get_transaction_status() == TRANSACTION_STATUS_IDLE:
            ahead.insert(0, b"BEGIN")
        return ahead

    def commit(self) -> None:
        if self._waiting or self.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            self.cursor().execute("COMMIT")

    def rollback(self) -> None:
        self._waiting.clear()
        if self.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            self.cursor().execute("ROLLBACK")
