"""Acts that run to their end and leave nothing behind, so that thousands of requests find the world as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask
from flask_sqlalchemy.session import Session
from sqlalchemy import text

from ofektom.extensions import db

# Who inserts, updates or deletes holds this lock on the table until the end of the transaction.
WRITTEN = text(
    """
    SELECT CAST(count(*) > 0 AS integer) FROM pg_locks JOIN pg_class ON pg_class.oid = pg_locks.relation
    WHERE pid = pg_backend_pid() AND mode = 'RowExclusiveLock' AND relkind = 'r'
      AND relname NOT IN ('guess_budgets', 'idempotency_keys')
    """
)


@dataclass
class Kept:
    """How many transactions that had written something got as far as their commit."""

    commits: int = 0


@contextmanager
def commits_withheld() -> Iterator[Kept]:
    """Let every transaction do everything but commit; the end of the request takes it back.

    Deferred constraints are checked as a commit would check them. A refusal may count a guess, and keep its answer.
    """
    kept = Kept()

    def hold_back(session: Session) -> None:
        session.flush()
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        kept.commits += session.scalar(WRITTEN)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "commit", hold_back)
        yield kept


def row_counts(app: Flask, *, without: set[str] = frozenset({"guess_budgets"})) -> dict[str, int]:
    """How many rows every table has."""
    tables = sorted(set(db.metadata.tables) - without)
    counted = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
    with app.app_context():
        return dict(db.session.execute(text(counted)).all())
