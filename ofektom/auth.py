"""Who is calling: sessions, tokens, and what each role may do.

A read believes what `callers` remembers of its caller, for seconds at most. Whoever wants to change something is looked
up in PostgreSQL by `load_actor`, for what is decided about money, roles and secrets must not be a second old.
"""

import functools
import time
from dataclasses import dataclass
from datetime import datetime

import jwt
from flask import current_app, g, request
from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, func, update
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.http import parse_list_header

from ofektom import audit, browsers, callers, plain
from ofektom.callers import Caller, Claims
from ofektom.database import verb
from ofektom.errors import NotFound, Problem
from ofektom.extensions import db
from ofektom.http import MAX_ID, caller_address
from ofektom.identity import Actor, moment, row_id

PUBLIC = "public"  # anybody, signed in or not
SIGNED_IN = "signed_in"  # whoever has a session, whatever their role
OPERATOR = "operator"  # whoever calls from OPS_NETWORKS, signed in or not; to others there is nothing here
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
ISSUER = "ofektom"
AUDIENCE = "ofektom-api"
CLOCK_SKEW_SECONDS = 10  # between our own servers
# What proxies add to a request they pass on.
_PASSED_ON = ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP")
_CLAIMS = ["sub", "sid", "ver", "iat", "exp", "iss", "aud"]


class NotAuthenticated(Problem):
    code, status, title = "auth.required", 401, "Sign in first"


class InvalidToken(Problem):
    code, status, title = "auth.invalid_token", 401, "This token is not valid or no longer is; sign in again"


class Forbidden(Problem):
    code, status, title = "auth.forbidden", 403, "Your role does not allow this"


class NoActiveBusiness(Problem):
    code, status, title = "auth.no_active_business", 403, "You have no active business; choose one first"


class Session(db.Model):
    """One signed-in device of a user, and the business it works in at the moment."""

    __tablename__ = "sessions"

    id: Mapped[int] = row_id()
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id"))
    business_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("businesses.id"))
    device: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(45))
    created_at: Mapped[datetime] = moment(server_default=func.now())
    refreshed_at: Mapped[datetime] = moment(server_default=func.now())
    expires_at: Mapped[datetime] = moment()
    ended_at: Mapped[datetime | None] = moment()

    __table_args__ = (Index(None, "user_id", "id"),)


class RefreshToken(db.Model):
    """A refresh token, by its hash. One is current; the used ones are kept to notice their re-use."""

    __tablename__ = "refresh_tokens"

    id: Mapped[int] = row_id()
    session_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sessions.id"))
    token_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = moment()

    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "session_id"))


@dataclass(frozen=True)
class Grants:
    """Which roles hold each permission, collected from the slices at start-up."""

    roles_by_permission: dict[str, frozenset[str]]

    def allow(self, permission: str, roles: set[str]) -> bool:
        return not roles.isdisjoint(self.roles_by_permission[permission])

    def held_by(self, roles: set[str]) -> list[str]:
        """The permissions of somebody with `roles`, sorted."""
        return sorted(name for name in self.roles_by_permission if self.allow(name, roles))


def issue_access_token(user_id: int, session_id: int, version: int) -> str:
    """A JWT of HS256 that lives ACCESS_TOKEN_MINUTES."""
    issued = int(time.time())
    claims = {
        "sub": str(user_id),
        "sid": str(session_id),
        "ver": version,
        "iat": issued,
        "exp": issued + current_app.config["ACCESS_TOKEN_MINUTES"] * 60,
        "iss": ISSUER,
        "aud": AUDIENCE,
    }
    return jwt.encode(claims, current_app.config["SECRET_KEY"], algorithm="HS256")


def read_access_token(token: str) -> Claims:
    """What a token we issued says; raises InvalidToken."""
    claims = _verified(token, current_app.config["SECRET_KEY"])
    if claims.expires_at <= time.time():
        raise InvalidToken
    return claims


@functools.lru_cache(maxsize=8192)
def _verified(token: str, secret_key: str) -> Claims:
    """Remembered, for a signature that was right stays right. `expires_at` has the clocks' skew in it."""
    try:
        claims = jwt.decode(
            token,
            secret_key,
            algorithms=["HS256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": _CLAIMS},
        )
        expires_at = float(claims["exp"]) + CLOCK_SKEW_SECONDS
        ids = int(claims["sub"]), int(claims["sid"]), int(claims["ver"])
        if not all(0 < number <= MAX_ID for number in ids):
            raise InvalidToken
        return Claims(*ids, expires_at)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise InvalidToken from None


_LOAD_ACTOR = plain.Statement(
    """
    SELECT u.is_super_admin, b.id AS business_id, m.id AS membership_id, m.role, b.timezone, b.currency
    FROM sessions s JOIN users u ON u.id = s.user_id
    LEFT JOIN memberships m ON m.business_id = s.business_id AND m.user_id = u.id AND m.status = 'active'
    LEFT JOIN businesses b ON b.id = m.business_id AND b.is_active
    WHERE s.id = %(session_id)s AND s.ended_at IS NULL AND s.expires_at > now()
      AND u.id = %(user_id)s AND u.is_active AND u.auth_version = %(version)s
    """
)


def load_actor(user_id: int, session_id: int, version: int) -> Actor | None:
    """The caller behind a token, or None when the session has ended, the user is deactivated or the version is old.

    One statement. A membership or business that is no longer active leaves an Actor without a business.
    """
    rows = _LOAD_ACTOR.run({"user_id": user_id, "session_id": session_id, "version": version})
    if not rows:
        return None
    if rows[0]["business_id"] is None:
        return Actor(user_id, session_id, rows[0]["is_super_admin"])
    return Actor(user_id, session_id, **rows[0])


def current_actor() -> Actor:
    """The caller of this request; raises NotAuthenticated or InvalidToken."""
    actor = g.get("actor")
    if actor is None:
        if request.method in SAFE_METHODS:
            actor = current_caller().actor
        else:
            actor = load_actor(*read_access_token(_bearer_token(_shown()))[:3])
        if actor is None:
            raise InvalidToken
        g.actor = actor
    return actor


def current_caller() -> Caller:
    """The caller of this request as far as reads need to know; raises NotAuthenticated or InvalidToken."""
    caller = g.get("caller")
    if caller is None:
        shown = _shown()
        caller = g.caller = callers.find(shown, lambda: read_access_token(_bearer_token(shown)))
        if caller is None:
            raise InvalidToken
    return caller


def _shown() -> str:
    """What the caller shows of themselves: to a page its cookie, to everything else the Authorization header."""
    return browsers.shown() if g.get("by_cookie") else request.environ.get("HTTP_AUTHORIZATION", "")


def _bearer_token(shown: str) -> str:
    scheme, _, token = shown.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated
    return token.strip()


def get_current_user() -> dict:
    """The user who calls, as they see themselves, with their `businesses`. Raises NotAuthenticated or InvalidToken."""
    caller = current_caller()
    return caller.user | {"businesses": caller.businesses}


def invalidate_user_cache(user_id: int) -> None:
    """Let nobody be let in by what is remembered of a user. Verbs that change users do this by themselves."""
    callers.forget_user(user_id)
    callers.forget_businesses(user_id)


def end_sessions(*conditions) -> int:
    """End the open sessions that meet the conditions, within the verb of the caller; returns how many."""
    ended = update(Session).where(*conditions, Session.ended_at.is_(None)).values(ended_at=func.now())
    ended = ended.returning(Session.user_id, Session.id).execution_options(synchronize_session=False)
    sessions = [tuple(row) for row in db.session.execute(ended)]
    callers.forget_sessions(sessions)
    return len(sessions)


@verb
def logout_user() -> None:
    """End the session of this request: its tokens are refused from now on. Raises NotAuthenticated, InvalidToken."""
    actor = current_actor()
    end_sessions(Session.id == actor.session_id)
    audit.record("auth.session_ended", "session", actor.session_id, actor=actor)


_RENEW = plain.Statement(
    """
    UPDATE sessions SET refreshed_at = now() FROM users u
    WHERE sessions.id = %(session_id)s AND sessions.ended_at IS NULL AND sessions.expires_at > now()
      AND u.id = sessions.user_id AND u.id = %(user_id)s AND u.is_active AND u.auth_version = %(version)s
    RETURNING sessions.id
    """
)


@verb
def renew_access(claims: Claims) -> str | None:
    """A new access token for the session of one that is still good; None when the session is open no more.

    The session ends when it would have: only its refresh token extends it.
    """
    if not _RENEW.run(claims._asdict()):
        return None
    actor = Actor(claims.user_id, claims.session_id, False)
    audit.record("auth.refreshed", "session", claims.session_id, actor=actor)
    return issue_access_token(*claims[:3])


def may_operate(actor: Actor) -> bool:
    """Whether somebody signed in may see how the service is: platform staff, or whoever is an OPERATOR besides."""
    return actor.is_super_admin or called_by_operator()


def called_by_operator() -> bool:
    """Whether this request comes from OPS_NETWORKS.

    One that was passed on by a proxy of which PROXY_HOPS does not know has the proxy's address, not its caller's.
    """
    told = len(parse_list_header(request.headers.get("X-Forwarded-For", "")))
    passed_on = any(name in request.headers for name in _PASSED_ON)
    if passed_on and not 1 <= current_app.config["PROXY_HOPS"] <= told:
        return False
    address = caller_address()
    return address is not None and any(address in network for network in current_app.config["OPS_NETWORKS"])


def require(access: str) -> None:
    """Let the caller pass or raise: NotAuthenticated, InvalidToken, NoActiveBusiness, Forbidden, or NotFound to those
    who are not OPERATOR.
    """
    if access == PUBLIC:
        return
    if access == OPERATOR:
        if not called_by_operator():
            raise NotFound
        return
    actor = current_actor()
    if access == SIGNED_IN:
        return
    grants: Grants = current_app.extensions["grants"]
    if grants.allow(access, actor.roles):
        return
    if actor.business_id is None and not actor.is_super_admin:
        raise NoActiveBusiness
    raise Forbidden
