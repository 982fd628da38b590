"""Which facts have changed: what a process asks before it believes a copy of something it did not just read.

Triggers write a row into `fact_changes` in the transaction that changes a fact, so no code path can forget to. A copy
carries its `horizon`, the oldest transaction still running when it was read: it has seen every change with a smaller
transaction id. A change with an id at or above the horizon makes it stale. Neither a clock nor a cache server has a
say in this, so it holds while the cache is frozen, flushed, restored from yesterday or refilled by a slow reader.
"""

import logging
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy import BigInteger, Index, String, delete, func, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db
from ofektom.identity import moment, row_id

log = logging.getLogger(__name__)

ASK_SECONDS = 8  # how often a process asks for changes
TRUST_SECONDS = 20  # how long it believes copies while PostgreSQL does not answer
LONGEST_LIFE_SECONDS = 3600  # of any copy
MOST_SUBJECTS = 20_000  # beyond these a process takes every older copy for stale

# An SQL column for whatever statement reads the facts.
HORIZON = text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon")


class FactChange(db.Model):
    """Transaction `xid` has changed the fact `subject`, which is also the name its copies go by: `user:{7}`."""

    __tablename__ = "fact_changes"

    id: Mapped[int] = row_id()
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))
    subject: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = moment(server_default=func.clock_timestamp())

    __table_args__ = (Index(None, "xid"), Index(None, "at"))


_CHANGES = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, changed.subject, changed.xid
    FROM (VALUES (1)) one LEFT JOIN (
        SELECT subject, max(xid) AS xid FROM fact_changes WHERE {since}
        GROUP BY subject ORDER BY max(xid) DESC LIMIT :most
    ) changed ON true
"""
_LATELY = text(_CHANGES.format(since="at > now() - make_interval(secs => :since)"))
# Those of transactions that were still running at the last question, or began after it: none is missed, none lost.
_SINCE = text(_CHANGES.format(since="xid >= :since"))


class Changes:
    """What one process knows of changed facts; it asks again whenever that is older than ASK_SECONDS."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._changed: dict[str, int] = {}
        self._all_before = 0  # every copy that has not seen this transaction is stale
        self._horizon: int | None = None
        self._asked = self._told = float("-inf")

    def spare(self, horizon: int, subjects: Iterable[str]) -> bool:
        """Whether a copy with `horizon` of facts `subjects` is still what PostgreSQL says, as far as we can know.

        Raises SQLAlchemy's TimeoutError when it takes a connection to know, and none came free in the pool's wait.
        """
        self._keep_up()
        if self._knows_too_little() or horizon <= self._all_before:
            return False
        return all(self._changed.get(subject, 0) < horizon for subject in subjects)

    def _knows_too_little(self) -> bool:
        return time.monotonic() - self._told > TRUST_SECONDS

    def _keep_up(self) -> None:
        if time.monotonic() - self._asked < ASK_SECONDS or not self._asking.acquire(blocking=False):
            return
        try:
            self._asked = asked = time.monotonic()
            self._ask()
            self._told = asked
        except SQLAlchemyError as error:
            log.warning("cannot ask which facts have changed: %s", type(error).__name__)
            # Whoever waited in vain for a connection would wait as long again, to read the facts themselves.
            if isinstance(error, PoolTimeout) and self._knows_too_little():
                raise
        finally:
            self._asking.release()

    def _ask(self) -> None:
        first = self._horizon is None
        since = 2 * LONGEST_LIFE_SECONDS if first else self._horizon
        with db.engine.connect() as connection:
            rows = connection.execute(_LATELY if first else _SINCE, {"since": since, "most": MOST_SUBJECTS + 1}).all()
        known = self._changed | {row.subject: row.xid for row in rows if row.subject is not None}
        if len(known) > MOST_SUBJECTS:
            self._all_before, known = max(known.values()), {}
        self._changed, self._horizon = known, rows[0].horizon


def changes() -> Changes:
    """What this process knows."""
    return current_app.extensions["changes"]


def forget() -> int:
    """Delete changes that no copy can be old enough to have missed; returns how many."""
    old = FactChange.at < func.now() - timedelta(seconds=2 * LONGEST_LIFE_SECONDS)
    return db.session.execute(delete(FactChange).where(old)).rowcount


def init_app(app: Flask) -> None:
    """Give the process its knowledge of changes: none yet, so that nothing is believed before it has asked."""
    app.extensions["changes"] = Changes()
