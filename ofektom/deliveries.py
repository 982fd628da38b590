"""What is to be sent to somebody outside: claimed by one worker at a time, tried again with growing pauses, and ended.

A worker claims a row by moving its time ahead (the lease) and committing; only then does it send. So no transaction
is open while somebody outside takes their time, and a worker that dies leaves a row that another one takes up when
the lease is over: everything is sent at least once, and twice only when a worker died between answer and commit.
Rows of one `lane` are sent in their order: one that waits to be tried again holds back those behind it.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import orjson
from flask import current_app
from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db
from ofektom.identity import moment, one_of, row_id, tenant_id, within_tenant
from ofektom.plain import Statement

LEASE_SECONDS = 60
PUT_OFF_SECONDS = 600
FIRST_PAUSE_SECONDS = 10
LONGEST_PAUSE_SECONDS = 3600
MOST_ATTEMPTS = 15  # the last one about six hours after the first
LONGEST_ERROR = 200
MOST_LOOKS = 20
KEPT_DAYS = 90


class DeliveryState(StrEnum):
    WAITING = "waiting"
    HELD = "held"  # until whoever is to get it can
    SENT = "sent"  # whoever carries it has taken it
    DEAD = "dead"  # given up


class Delivery(db.Model):
    """Something on its way to an address or to a target of a slice's own. A secret is in no column, only its seed."""

    __tablename__ = "deliveries"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    channel: Mapped[str] = mapped_column(String(10))
    lane: Mapped[str] = mapped_column(String(300))
    event_id: Mapped[int] = mapped_column(BigInteger)
    topic: Mapped[str] = mapped_column(String(60))
    member_id: Mapped[int | None] = mapped_column(BigInteger)
    target_id: Mapped[int | None] = mapped_column(BigInteger)
    address: Mapped[str | None] = mapped_column(String(254))
    content: Mapped[dict] = mapped_column(JSONB)
    seed: Mapped[str | None] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(7), server_default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    created_at: Mapped[datetime] = moment(server_default=func.now())
    due_at: Mapped[datetime] = moment()
    not_before: Mapped[datetime | None] = moment()
    expires_at: Mapped[datetime | None] = moment()
    ended_at: Mapped[datetime | None] = moment()
    reference: Mapped[str | None] = mapped_column(String(100))
    error: Mapped[str | None] = mapped_column(String(LONGEST_ERROR))

    __table_args__ = (
        within_tenant("memberships", "member_id"),
        CheckConstraint(one_of("state", DeliveryState), name="state"),
        CheckConstraint("(state IN ('sent', 'dead')) = (ended_at IS NOT NULL)", name="ended"),
        # A secret has its time, and is not kept beyond it.
        CheckConstraint("seed IS NULL OR expires_at IS NOT NULL", name="seed_expires"),
        Index("ix_deliveries_due", "channel", "due_at", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_deliveries_lane", "business_id", "lane", "id", postgresql_where=text("state = 'waiting'")),
        Index(None, "business_id", "state", "id"),
        Index(None, "business_id", "member_id", "id"),
        Index(None, "business_id", "target_id", "id"),
        Index("ix_deliveries_ended_at", "ended_at"),
    )


@dataclass(frozen=True)
class Sent:
    """It was taken. `reference` is by what its carrier knows it."""

    reference: str | None = None


@dataclass(frozen=True)
class Later:
    """It was not taken, or nobody knows; to be tried again, in `seconds` if the other side said so."""

    error: str
    seconds: float | None = None


@dataclass(frozen=True)
class Never:
    """It will not be taken however often it is tried."""

    error: str


Outcome = Sent | Later | Never

_ADD = Statement(
    """
    INSERT INTO deliveries (business_id, channel, lane, event_id, topic, member_id, target_id, address, content, seed,
        due_at, not_before, expires_at)
    VALUES (%(business_id)s, %(channel)s, %(lane)s, %(event_id)s, %(topic)s, %(member_id)s, %(target_id)s,
        %(address)s, %(content)s, %(seed)s, coalesce(%(not_before)s, now() + %(offset)s::interval),
        %(not_before)s, %(expires_at)s)
    RETURNING id
    """
)


def add(channel: str, lane: str, *, business_id: int, event_id: int, topic: str, content: dict, **more) -> int:
    """Have `content` delivered, within the verb of the caller; returns the delivery's id.

    `more` may name member_id, target_id, address, seed, not_before and expires_at.
    """
    values = dict.fromkeys(_ADD.names) | {"offset": current_app.config["CLOCK_OFFSET"]} | more
    values |= {"channel": channel, "lane": lane, "business_id": business_id, "event_id": event_id, "topic": topic}
    [row] = _ADD.run(values | {"content": orjson.dumps(content).decode()})
    return row["id"]


# Of what is due, what stands behind another one in its lane is put off, so that a long lane is not looked through
# every time; when the one before it has ended, `_SETTLE` brings it forward again. `due_at` is only when to look.
_CLAIM = Statement(
    """
    WITH due AS (
        SELECT business_id, id, lane, due_at FROM deliveries
        WHERE channel = %(channel)s AND state = 'waiting' AND due_at <= now() + %(offset)s::interval
        ORDER BY due_at, id LIMIT 100 FOR UPDATE SKIP LOCKED
    ), judged AS (
        SELECT due.*, (SELECT e.due_at FROM deliveries e WHERE e.business_id = due.business_id AND e.lane = due.lane
                       AND e.state = 'waiting' AND e.id < due.id ORDER BY e.id LIMIT 1) AS ahead FROM due
    ), put_off AS (
        UPDATE deliveries d SET due_at = greatest(j.ahead, now() + %(offset)s::interval + %(put_off)s::interval)
        FROM judged j WHERE d.business_id = j.business_id AND d.id = j.id AND j.ahead IS NOT NULL RETURNING d.id
    ), claimed AS (
        UPDATE deliveries d
        SET attempts = attempts + 1, due_at = now() + %(offset)s::interval + %(lease)s::interval
        FROM (SELECT * FROM judged WHERE ahead IS NULL ORDER BY due_at, id LIMIT 1) first
        WHERE d.business_id = first.business_id AND d.id = first.id
        RETURNING d.business_id, d.id, channel, event_id, topic, member_id, target_id, address, content, seed,
            attempts, created_at, coalesce(expires_at <= now() + %(offset)s::interval, false) AS expired
    )
    SELECT claimed.*, (SELECT count(*) FROM put_off) AS behind FROM (SELECT) AS one LEFT JOIN claimed ON true
    """
)


def claim(channel: str) -> dict | None:
    """The next delivery of `channel` that is due, for LEASE_SECONDS nobody else's; None when there is none."""
    spans = {"lease": timedelta(seconds=LEASE_SECONDS), "put_off": timedelta(seconds=PUT_OFF_SECONDS)}
    for _ in range(MOST_LOOKS):
        [row] = _CLAIM.run(spans | {"channel": channel, "offset": current_app.config["CLOCK_OFFSET"]})
        if row["id"] is not None or not row["behind"]:
            break
    return row if row["id"] is not None else None


# By the number of the attempt as well: a worker that was away for longer than its lease changes nothing any more.
_SETTLE = Statement(
    """
    WITH settled AS (
        UPDATE deliveries SET state = %(state)s::text, error = %(error)s::text, reference = %(reference)s::text,
            due_at = CASE WHEN %(state)s::text = 'waiting' THEN now() + %(offset)s::interval + %(pause)s::interval
                          ELSE due_at END,
            ended_at = CASE WHEN %(state)s::text <> 'waiting' THEN now() + %(offset)s::interval END,
            seed = CASE WHEN %(state)s::text = 'waiting' THEN seed END
        WHERE business_id = %(business_id)s AND id = %(id)s AND state = 'waiting' AND attempts = %(attempts)s::int
        RETURNING business_id, id, lane, state
    ), next AS (
        UPDATE deliveries n SET due_at = coalesce(n.not_before, now() + %(offset)s::interval)
        FROM settled s WHERE s.state <> 'waiting' AND n.business_id = s.business_id AND n.id = (
            SELECT id FROM deliveries e WHERE e.business_id = s.business_id AND e.lane = s.lane
            AND e.state = 'waiting' AND e.id > s.id ORDER BY e.id LIMIT 1)
    )
    SELECT state FROM settled
    """
)


def is_given_up(claimed: dict, outcome: Outcome) -> bool:
    """Whether a claimed delivery will not be tried again, and has not been taken."""
    return isinstance(outcome, Never) or (isinstance(outcome, Later) and claimed["attempts"] >= MOST_ATTEMPTS)


def settle(claimed: dict, outcome: Outcome) -> DeliveryState | None:
    """Note what came of a claimed delivery; returns its state, None when it is no longer the claimer's."""
    state, pause = DeliveryState.SENT, timedelta()
    if not isinstance(outcome, Sent):
        state = DeliveryState.DEAD if is_given_up(claimed, outcome) else DeliveryState.WAITING
        pause = timedelta(seconds=pause_after(claimed["attempts"], getattr(outcome, "seconds", None)))
    values = {
        "state": state.value,
        "error": None if isinstance(outcome, Sent) else outcome.error[:LONGEST_ERROR],
        "reference": outcome.reference if isinstance(outcome, Sent) else None,
        "pause": pause,
        "offset": current_app.config["CLOCK_OFFSET"],
    }
    rows = _SETTLE.run({name: claimed[name] for name in ("business_id", "id", "attempts")} | values)
    return DeliveryState(rows[0]["state"]) if rows else None


def pause_after(attempts: int, asked_for: float | None = None) -> float:
    """How many seconds to wait after so many attempts: twice as long each time, never all at the same moment.

    What the other side `asked_for` is heeded, up to the longest pause.
    """
    pause = min(FIRST_PAUSE_SECONDS * 2 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
    return max(pause * random.uniform(0.75, 1.25), min(asked_for or 0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - a pause, no secret


_DEAD = Statement(
    """
    SELECT business_id, id, channel, topic, attempts, created_at, ended_at, error FROM deliveries
    WHERE state = 'dead' AND ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT %(most)s::int
    """
)
_AGAIN = Statement(
    """
    UPDATE deliveries SET state = 'waiting', attempts = 0, ended_at = NULL, due_at = now() + %(offset)s::interval
    WHERE state = 'dead' AND channel = ANY(%(channels)s::text[]) AND expires_at IS NULL
      AND ended_at > now() + %(offset)s::interval - %(since)s::interval RETURNING id
    """
)
_WAITING = Statement("SELECT channel, count(*) AS rows FROM deliveries WHERE state = 'waiting' GROUP BY 1 ORDER BY 1")


def dead(most: int) -> list[dict]:
    """The deliveries given up last."""
    return _DEAD.run({"most": most})


def waiting() -> dict[str, int]:
    """How many deliveries wait, by channel."""
    return {row["channel"]: row["rows"] for row in _WAITING.run({})}


def try_again(channels: list[str], since: timedelta) -> int:
    """Have what was given up within `since` tried anew; returns how much. Secrets are not: their time is over."""
    values = {"channels": channels, "since": since, "offset": current_app.config["CLOCK_OFFSET"]}
    return len(_AGAIN.run(values))


_MOVE = Statement(
    """
    UPDATE deliveries SET state = %(after)s::text, error = coalesce(%(error)s::text, error),
        due_at = now() + %(offset)s::interval,
        attempts = CASE WHEN %(after)s::text = 'waiting' THEN 0 ELSE attempts END,
        ended_at = CASE WHEN %(after)s::text = 'dead' THEN now() + %(offset)s::interval END
    WHERE business_id = %(business_id)s AND channel = %(channel)s AND target_id = %(target_id)s
      AND state = ANY(%(before)s::text[]) AND id <> %(but)s::bigint RETURNING id
    """
)


def _move(target: dict, before: list[str], after: str, **more) -> int:
    values = {"before": before, "after": after, "offset": current_app.config["CLOCK_OFFSET"]}
    return len(_MOVE.run({"error": None, "but": 0} | target | values | more))


def hold(*, but: int = 0, **target) -> int:
    """Keep back what waits for a target: its business_id, channel and target_id. Returns how many.

    `but` is a delivery that its claimer will settle.
    """
    return _move(target, ["waiting"], "held", but=but)


def release(**target) -> int:
    """Let what was held go on, as if it had not been tried yet."""
    return _move(target, ["held"], "waiting")


def drop(error: str, **target) -> int:
    """Give up what waits or is held, for a reason."""
    return _move(target, ["waiting", "held"], "dead", error=error)


def forget() -> int:
    """Delete deliveries that ended KEPT_DAYS ago; returns how many."""
    old = Delivery.ended_at < func.now() - timedelta(days=KEPT_DAYS)
    return db.session.execute(db.delete(Delivery).where(old)).rowcount
