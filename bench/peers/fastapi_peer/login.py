"""Signing in."""

from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import HTTPException
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bench.peers import tokens
from bench.peers.fastapi_peer.models import AuditEvent, Business, Membership, RefreshToken, Session, User
from bench.peers.fastapi_peer.schemas import LoginIn, TokensOut

hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
NOBODY = hasher.hash("nobody's secret, so that an unknown login takes as long")


def _is_right(hashed: str | None, secret: str) -> bool:
    try:
        return hasher.verify(hashed or NOBODY, tokens.peppered(secret)) and hashed is not None
    except VerificationError:
        return False


async def log_in(session: AsyncSession, body: LoginIn, address: str | None) -> TokensOut:
    """Open a session; the caller commits."""
    known = select(User.id, User.secret_hash, User.auth_version).where(User.phone == body.login, User.is_active)
    user = (await session.execute(known)).first()
    await session.rollback()  # no connection is held while the secret is hashed
    if not await run_in_threadpool(_is_right, user.secret_hash if user else None, body.secret):
        raise HTTPException(401, "wrong login or secret")
    mine = select(Membership.business_id).join(Business).where(Membership.user_id == user.id)
    place = await session.scalar(mine.where(Membership.status == "active", Business.is_active).limit(1))
    expires_at = datetime.now(UTC) + timedelta(days=30)
    opened = Session(user_id=user.id, business_id=place, address=address, expires_at=expires_at)
    session.add(opened)
    await session.flush()
    refresh_token, token_hash = tokens.new_refresh_token()
    session.add(RefreshToken(session_id=opened.id, token_hash=token_hash))
    about = {"action": "auth.login", "object_type": "session", "object_id": opened.id}
    session.add(AuditEvent(business_id=place or 0, user_id=user.id, **about))
    return TokensOut(
        access_token=tokens.issue(user.id, opened.id, user.auth_version),
        refresh_token=refresh_token,
        token_type="Bearer",
        expires_in=tokens.LIFE_SECONDS,
    )
