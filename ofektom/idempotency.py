"""Only once: the key of a request and its answer, kept in the transaction of the act itself.

The key is inserted first, so a second request with the same key waits until the first has ended and then finds its
answer, or finds nothing because the first was refused, and acts itself.
"""

import hashlib
import re
from datetime import timedelta

import orjson
import psycopg2
from flask import Response, request
from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, delete, func
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from ofektom import http
from ofektom.errors import Problem
from ofektom.extensions import db
from ofektom.identity import Actor
from ofektom.plain import Statement

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_LOCK_TIMEOUT = "55P03"


class KeyRequired(Problem):
    code, status = "idempotency.key_required", 400
    title = "Send an Idempotency-Key header of 1 to 255 visible ASCII characters"


class KeyReused(Problem):
    code, status, title = "idempotency.key_reused", 422, "This Idempotency-Key was used for another request"


class StillRunning(Problem):
    code, status, title = "idempotency.running", 409, "The first request with this Idempotency-Key is still running"
    retry_after = 1


class IdempotencyKey(db.Model):
    """A key one user has used, the request it was used for and the answer given."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column()
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at = mapped_column(TIMESTAMP(timezone=True), server_default=func.now(), nullable=False, index=True)


def read_key() -> str:
    """The request's key; raises KeyRequired when it is absent or malformed."""
    key = request.headers.get(HEADER, "")
    if not _KEY.fullmatch(key):
        raise KeyRequired
    return key


_CLAIM = Statement(
    """
    INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES (%(user_id)s, %(key)s, %(fingerprint)s)
    ON CONFLICT DO NOTHING RETURNING key
    """
)
_FIND = Statement(
    "SELECT fingerprint, status, body FROM idempotency_keys WHERE user_id = %(user_id)s AND key = %(key)s"
)
_FINISH = Statement(
    """
    UPDATE idempotency_keys SET status = %(status)s, body = %(body)s
    WHERE user_id = %(user_id)s AND key = %(key)s
    """
)


def begin(actor: Actor, key: str, body: dict) -> Response | None:
    """Claim `key` for this transaction, or return the answer it was given before.

    Raises KeyReused when the key belongs to another request, StillRunning when that request does not end in time.
    """
    mine = {"user_id": actor.user_id, "key": key}
    fingerprint = _fingerprint(actor, body)
    try:
        claimed = _CLAIM.run(mine | {"fingerprint": fingerprint})
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == _LOCK_TIMEOUT:
            raise StillRunning from error
        raise
    if claimed:
        return None
    [stored] = _FIND.run(mine)
    if stored["fingerprint"] != fingerprint:
        raise KeyReused
    replay = _replay(stored["status"], bytes(stored["body"]))
    replay.headers["Idempotency-Replayed"] = "true"
    return replay


def _replay(status: int, kept: bytes) -> Response:
    return http.see_other(kept.decode()) if status == http.SEE_OTHER else http.raw_answer(status, kept)


def finish(actor: Actor, key: str, response: Response) -> None:
    """Keep the answer beside the key, in the same transaction as the act; of a way to a page, where it leads."""
    kept = response.location.encode() if response.status_code == http.SEE_OTHER else response.get_data()
    answer = {"status": response.status_code, "body": psycopg2.Binary(kept)}
    _FINISH.later({"user_id": actor.user_id, "key": key} | answer)


def forget(days: int) -> int:
    """Delete keys older than `days`; returns how many."""
    old = IdempotencyKey.created_at < func.now() - timedelta(days=days)
    return db.session.execute(delete(IdempotencyKey).where(old)).rowcount


def _fingerprint(actor: Actor, body: dict) -> str:
    parts = [request.method, request.path, actor.business_id, body]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
