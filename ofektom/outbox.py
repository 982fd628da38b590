"""What others are to be told of an act: rows written in the act's own transaction and passed on once it has committed.

An act that is taken back, rehearsed or refused has told nobody anything. The row is written by the statement that
writes the act's audit row (`audit.record(..., tell=[...])`), so telling costs no round trip. `flask deliver` passes
rows on: each listener of each slice makes of a row what it wants to (a message, a delivery), and the row is deleted
in the transaction that does so, so that it is passed on exactly once.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from flask import current_app
from sqlalchemy import BigInteger, Index, SmallInteger, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.database import verb
from ofektom.extensions import db
from ofektom.identity import moment, row_id
from ofektom.plain import Statement

log = logging.getLogger(__name__)

PASSING_LOCK = 0x0FE71
MOST_AT_ONCE = 100


class OutboxRow(db.Model):
    """Something to be told. It lives for a second or so, and refers to nothing, so that writing it stays cheap."""

    __tablename__ = "outbox"

    business_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[int] = row_id()
    topic: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    member_id: Mapped[int | None] = mapped_column(BigInteger)
    facts: Mapped[dict] = mapped_column(JSONB)
    seed: Mapped[str | None] = mapped_column(String(60))
    created_at: Mapped[datetime] = moment(server_default=func.now())
    due_at: Mapped[datetime] = moment(server_default=func.now())
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")

    __table_args__ = (Index(None, "id"),)


@dataclass(frozen=True)
class Tell:
    """What to tell: a topic, the member it concerns first of all, and facts (JSON; amounts in minor units).

    `seed` is what a secret is made of that only the member may learn (`credentials.secret_of`); it is no fact.
    """

    topic: str
    member_id: int | None = None
    facts: dict = field(default_factory=dict)
    seed: str | None = None


Listener = Callable[[dict], None]

# To be put before an INSERT that has the parameters business_id, object_type and object_id.
WRITE = """
    WITH told AS (
        INSERT INTO outbox (business_id, topic, object_type, object_id, member_id, facts, seed)
        SELECT %(business_id)s::bigint, t.topic, %(object_type)s::text, %(object_id)s::bigint, t.member_id,
            t.facts::jsonb, t.seed
        FROM unnest(%(topics)s::text[], %(members)s::bigint[], %(facts)s::text[], %(seeds)s::text[])
            AS t (topic, member_id, facts, seed)
    )
"""


def columns(tell: Sequence[Tell]) -> dict:
    """The other parameters of WRITE."""
    return {
        "topics": [item.topic for item in tell],
        "members": [item.member_id for item in tell],
        "facts": [orjson.dumps(item.facts).decode() for item in tell],
        "seeds": [item.seed for item in tell],
    }


_TAKE_TURN = Statement("SELECT pg_try_advisory_xact_lock(%(key)s::bigint) AS mine")
_DUE = Statement(
    """
    SELECT business_id, id, topic, object_type, object_id, member_id, facts, seed, created_at, attempts FROM outbox
    WHERE due_at <= now() + %(offset)s::interval ORDER BY id LIMIT %(most)s::int FOR UPDATE SKIP LOCKED
    """
)
_DROP = Statement("DELETE FROM outbox WHERE business_id = %(business_id)s AND id = %(id)s RETURNING id")
_POSTPONE = Statement(
    """
    UPDATE outbox SET attempts = least(attempts + 1, 1000),
        due_at = now() + %(offset)s::interval + interval '1 minute' * least(attempts + 1, 60)
    WHERE business_id = %(business_id)s AND id = %(id)s RETURNING id
    """
)


@verb
def pass_on(listeners: Sequence[Listener], most: int = MOST_AT_ONCE) -> int:
    """Pass on up to `most` rows, oldest first, to every listener; returns how many were due.

    One process at a time does, so that what follows on each other is passed on in that order. A row that a listener
    cannot take is a mistake of ours: it is logged, waits some minutes, and holds nobody else up.
    """
    [turn] = _TAKE_TURN.run({"key": PASSING_LOCK})
    if not turn["mine"]:
        return 0
    offset = {"offset": current_app.config["CLOCK_OFFSET"]}
    rows = _DUE.run(offset | {"most": most})
    for row in rows:
        try:
            with db.session.begin_nested():
                for listen in listeners:
                    listen(row)
                _DROP.run(row)
        except OperationalError:  # the database's trouble, not the row's
            raise
        except Exception:
            log.exception("a row of the outbox cannot be passed on", extra={"topic": row["topic"], "row": row["id"]})
            _POSTPONE.run(row | offset)
    return len(rows)
