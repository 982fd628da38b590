"""Who is calling: for reads from the cache for some minutes, for changes always from PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime

import jwt
from django.core.cache import cache
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import SAFE_METHODS, BasePermission

from bench.peers import tokens
from bench.peers.django_peer.models import Membership, Session

COPY_SECONDS = 300


@dataclass(frozen=True)
class Place:
    """A membership and its business."""

    membership_id: int
    business_id: int
    business_name: str
    role: str
    status: str
    currency: str
    timezone: str


@dataclass(frozen=True)
class Caller:
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
    active: Place | None
    memberships: list[Place]

    is_authenticated = True

    @property
    def permissions(self) -> list[str]:
        return tokens.PERMISSIONS[self.active.role]


class BearerAuthentication(BaseAuthentication):
    """An access token in the Authorization header."""

    def authenticate(self, request):
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = tokens.read(token)
        except jwt.InvalidTokenError:
            raise exceptions.AuthenticationFailed("this token is not valid") from None
        caller = copied(claims) if request.method in SAFE_METHODS else find(claims)
        if (caller.id, caller.version) != (claims.user_id, claims.version) or caller.expires_at <= timezone.now():
            raise exceptions.AuthenticationFailed("this token is no longer valid")
        return caller, claims

    def authenticate_header(self, request):
        return "Bearer"


class HasActiveBusiness(BasePermission):
    """Somebody signed in whose session works in a business."""

    def has_permission(self, request, view):
        return bool(request.user and request.user.active)


def copied(claims: tokens.Claims) -> Caller:
    return cache.get_or_set(f"session:{claims.session_id}", lambda: find(claims), COPY_SECONDS)


def find(claims: tokens.Claims) -> Caller:
    """The caller as PostgreSQL knows them; AuthenticationFailed when they may not call."""
    sessions = Session.objects.select_related("user").filter(ended_at=None, user__is_active=True)
    session = sessions.filter(id=claims.session_id, user_id=claims.user_id).first()
    if session is None:
        raise exceptions.AuthenticationFailed("this token is no longer valid")
    mine = Membership.objects.select_related("business").filter(user_id=claims.user_id, business__is_active=True)
    places = [_place(one) for one in mine.filter(status__in=["active", "invited"]).order_by("business_id")]
    active = [one for one in places if one.business_id == session.business_id and one.status == "active"]
    user = session.user
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
        active=active[0] if active else None,
        memberships=places,
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
