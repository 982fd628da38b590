"""Signing in."""

from datetime import timedelta

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from bench.peers import tokens
from bench.peers.django_peer.models import AuditEvent, Membership, RefreshToken, Session, User


def log_in(login: str, secret: str, address: str | None) -> dict:
    """Open a session; raises AuthenticationFailed."""
    user = User.objects.filter(phone=login, is_active=True).first()
    # Django writes the name of the algorithm before what argon2 writes.
    if not check_password(tokens.peppered(secret), f"argon2{user.secret_hash}" if user else None):
        raise AuthenticationFailed("wrong login or secret")
    return _open_session(user, address)


@transaction.atomic
def _open_session(user: User, address: str | None) -> dict:
    mine = Membership.objects.filter(user=user, status="active", business__is_active=True)
    place = mine.values_list("business_id", flat=True).first()
    expires_at = timezone.now() + timedelta(days=30)
    session = Session.objects.create(user=user, business_id=place, address=address, expires_at=expires_at)
    refresh_token, token_hash = tokens.new_refresh_token()
    RefreshToken.objects.create(session=session, token_hash=token_hash)
    about = {"action": "auth.login", "object_type": "session", "object_id": session.id}
    AuditEvent.objects.create(business_id=place or 0, user_id=user.id, **about)
    return {
        "access_token": tokens.issue(user.id, session.id, user.auth_version),
        "refresh_token": refresh_token,
        "token_type": "Bearer",
        "expires_in": tokens.LIFE_SECONDS,
    }
