"""Acts that run to their end and leave nothing behind, so that thousands of requests find the world as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import text

from ofektom.extensions import db


@dataclass
class Kept:
    """How many transactions that had written something got as far as their commit."""

    commits: int = 0


@contextmanager
def commits_withheld() -> Iterator[Kept]:
    """Let every transaction do everything but commit; the end of the request takes it back.

    Deferred constraints are checked as a commit would check them. Guesses of secrets are counted on a connection of
    their own and stay.
    """
    kept = Kept()

    def hold_back() -> None:
        db.session.flush()
        db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        written = db.session.scalar(text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL"))
        kept.commits += bool(written)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.session, "commit", hold_back)
        yield kept


def row_counts(app: Flask, *, without: set[str] = frozenset({"guess_budgets"})) -> dict[str, int]:
    """How many rows every table has."""
    tables = sorted(set(db.metadata.tables) - without)
    counted = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
    with app.app_context():
        return dict(db.session.execute(text(counted)).all())
