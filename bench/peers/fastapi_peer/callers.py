"""Who is calling: for reads from Redis for some minutes, for changes always from PostgreSQL."""

import os
from datetime import UTC, datetime
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from bench.peers import tokens
from bench.peers.fastapi_peer.database import Database
from bench.peers.fastapi_peer.models import Business, Membership, Session, User

COPY_SECONDS = 300
redis = Redis.from_url(os.environ["REDIS_URL"])
bearer = HTTPBearer()


class Place(BaseModel):
    """A membership and its business."""

    membership_id: int
    business_id: int
    business_name: str
    role: str
    status: str
    currency: str
    timezone: str


class Caller(BaseModel):
    id: int
    session_id: int
    version: int
    expires_at: datetime
    username: str | None
    phone: str | None
    email: str | None
    full_name: str
    secret_kind: str
    is_super_admin: bool
    active_business_id: int | None
    places: list[Place]

    @property
    def active(self) -> Place:
        """Where the session works; 403 when it works nowhere."""
        for place in self.places:
            if place.business_id == self.active_business_id and place.status == "active":
                return place
        raise HTTPException(403, "no active business")


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> tokens.Claims:
    try:
        return tokens.read(credentials.credentials)
    except jwt.InvalidTokenError:
        raise HTTPException(401, "this token is not valid") from None


async def find(session: AsyncSession, told: tokens.Claims) -> Caller:
    """The caller as PostgreSQL knows them; 401 when they may not call."""
    query = select(Session).options(joinedload(Session.user)).where(Session.id == told.session_id)
    found = await session.scalar(query.where(Session.user_id == told.user_id, Session.ended_at.is_(None)))
    if found is None or not found.user.is_active or found.user.auth_version != told.version:
        raise HTTPException(401, "this token is no longer valid")
    query = select(Membership).options(joinedload(Membership.business)).join(Business)
    query = query.where(Membership.user_id == told.user_id, Membership.status.in_(["active", "invited"]))
    places = await session.scalars(query.where(Business.is_active).order_by(Business.id))
    return _caller(found, found.user, [_place(membership) for membership in places])


def _caller(session: Session, user: User, places: list[Place]) -> Caller:
    return Caller(
        id=user.id,
        session_id=session.id,
        version=user.auth_version,
        expires_at=session.expires_at,
        username=user.username,
        phone=user.phone,
        email=user.email,
        full_name=user.full_name,
        secret_kind=user.secret_kind,
        is_super_admin=user.is_super_admin,
        active_business_id=session.business_id,
        places=places,
    )


def _place(membership: Membership) -> Place:
    return Place(
        membership_id=membership.id,
        business_id=membership.business_id,
        business_name=membership.business.name,
        role=membership.role,
        status=membership.status,
        currency=membership.business.currency,
        timezone=membership.business.timezone,
    )


async def reader(session: Database, told: Annotated[tokens.Claims, Depends(claims)]) -> Caller:
    """The caller of a read, from the copy in Redis while there is one."""
    key = f"fastapi:session:{told.session_id}"
    copy = await redis.get(key)
    caller = Caller.model_validate_json(copy) if copy else await find(session, told)
    if copy is None:
        await redis.set(key, caller.model_dump_json(), ex=COPY_SECONDS)
    if (caller.id, caller.version) != (told.user_id, told.version) or caller.expires_at <= datetime.now(UTC):
        raise HTTPException(401, "this token is no longer valid")
    return caller


async def writer(session: Database, told: Annotated[tokens.Claims, Depends(claims)]) -> Caller:
    """The caller of a change."""
    caller = await find(session, told)
    if caller.expires_at <= datetime.now(UTC):
        raise HTTPException(401, "this session has ended")
    return caller


Reader = Annotated[Caller, Depends(reader)]
Writer = Annotated[Caller, Depends(writer)]
