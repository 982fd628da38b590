"""Verbs of signing in and out.

Hashing happens between transactions, never inside one: it takes tens of milliseconds, and a connection held meanwhile
is one that nobody else can use.
"""

from datetime import timedelta

from flask import current_app
from sqlalchemy import func, select, update

from blueprints.auth import queries
from blueprints.auth.rules import NotAMember, WrongCredentials, familiar_words, normal_login
from ofektom import audit, callers, credentials
from ofektom.auth import InvalidToken, RefreshToken, Session, end_sessions, issue_access_token
from ofektom.database import verb
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, User
from ofektom.plain import Statement

_attempt = verb(queries.attempt)


def log_in(*, login: str, secret: str, device: str | None, address: str | None) -> dict:
    """Open a session. Raises WrongCredentials (whatever was wrong) or TooManyGuesses.

    An unknown login costs the same time and the same guesses as a known one.
    """
    column, value = normal_login(login)
    user = _attempt(column, value, f"login:{credentials.hash_token(value)}")
    if not user["may_try"]:
        credentials.refuse_guess(user["subject"])
    if not credentials.verify_secret(secret, user["secret_hash"] if user["is_active"] else None):
        credentials.note_wrong_guess(user["subject"])
        raise WrongCredentials
    return _open_session(user=user, device=device, address=address)


# In the business their latest session was in, else their first.
_OPEN_SESSION = Statement(
    f"""
    WITH refunded AS ({credentials.REFUND}),
    place AS (
        SELECT b.id FROM businesses b JOIN memberships m ON m.business_id = b.id
        WHERE m.user_id = %(user_id)s AND m.status = 'active' AND b.is_active
        ORDER BY (SELECT max(s.id) FROM sessions s WHERE s.user_id = %(user_id)s AND s.business_id = b.id)
            DESC NULLS LAST, b.id
        LIMIT 1
    ), session AS (
        INSERT INTO sessions (user_id, business_id, device, address, expires_at)
        SELECT u.id, (SELECT id FROM place), %(device)s, %(address)s, now() + %(lifetime)s::interval
        FROM users u WHERE u.id = %(user_id)s AND u.is_active AND u.auth_version = %(version)s
        RETURNING id, business_id
    ), token AS (INSERT INTO refresh_tokens (session_id, token_hash) SELECT id, %(token_hash)s FROM session)
    SELECT id, business_id FROM session
    """  # noqa: S608 - made of our own SQL
)


@verb
def _open_session(*, user: dict, device: str | None, address: str | None) -> dict:
    refresh_token = credentials.new_token()
    values = {
        "user_id": user["id"],
        "version": user["auth_version"],
        "subject": user["subject"],
        "device": device,
        "address": address,
        "lifetime": timedelta(days=current_app.config["REFRESH_TOKEN_DAYS"]),
        "token_hash": credentials.hash_token(refresh_token),
    }
    opened = _OPEN_SESSION.run(values)
    if not opened:  # deactivated, or their secret changed, while it was verified
        raise WrongCredentials
    session_id, business_id = opened[0]["id"], opened[0]["business_id"]
    actor = Actor(user["id"], session_id, False)
    audit.record("auth.login", "session", session_id, actor=actor, business_id=business_id, after={"device": device})
    return _tokens(user["id"], session_id, user["auth_version"], refresh_token)


def _new_refresh_token(session_id: int) -> str:
    token = credentials.new_token()
    db.session.add(RefreshToken(session_id=session_id, token_hash=credentials.hash_token(token)))
    return token


def _tokens(user_id: int, session_id: int, version: int, refresh_token: str) -> dict:
    return {
        "access_token": issue_access_token(user_id, session_id, version),
        "refresh_token": refresh_token,
        "token_type": "Bearer",
        "expires_in": current_app.config["ACCESS_TOKEN_MINUTES"] * 60,
    }


def refresh(*, refresh_token: str) -> dict:
    """Exchange a refresh token for new tokens. One used before ends its session. Raises InvalidToken.

    It extends the session, but never beyond SESSION_DAYS after the sign-in: then one signs in again.
    """
    tokens = _rotate(refresh_token=refresh_token)
    if tokens is None:
        raise InvalidToken
    return tokens


@verb
def _rotate(*, refresh_token: str) -> dict | None:
    query = select(RefreshToken).where(RefreshToken.token_hash == credentials.hash_token(refresh_token))
    token = db.session.scalar(query.with_for_update())
    if token is None:
        return None
    if token.used_at is not None:
        end_sessions(Session.id == token.session_id)
        audit.record("auth.refresh_reused", "session", token.session_id, actor=None)
        return None
    row = db.session.execute(
        select(Session.user_id, User.auth_version)
        .join(User, User.id == Session.user_id)
        .where(Session.id == token.session_id, Session.ended_at.is_(None), Session.expires_at > func.now())
        .where(User.is_active)
    ).first()
    if row is None:
        return None
    token.used_at = func.now()
    unused = func.now() + timedelta(days=current_app.config["REFRESH_TOKEN_DAYS"])
    expires = func.least(unused, Session.created_at + timedelta(days=current_app.config["SESSION_DAYS"]))
    renewed = {"refreshed_at": func.now(), "expires_at": expires}
    db.session.execute(update(Session).where(Session.id == token.session_id).values(renewed))
    actor = Actor(row.user_id, token.session_id, False)
    audit.record("auth.refreshed", "session", token.session_id, actor=actor)
    return _tokens(row.user_id, token.session_id, row.auth_version, _new_refresh_token(token.session_id))


@verb
def end_session(*, actor: Actor, session_id: int) -> None:
    """End one of the actor's own sessions. Raises NotFound."""
    if not end_sessions(Session.id == session_id, Session.user_id == actor.user_id):
        raise NotFound
    audit.record("auth.session_ended", "session", session_id, actor=actor)


@verb
def end_all_sessions(*, actor: Actor) -> None:
    """End every session of the actor."""
    ended = end_sessions(Session.user_id == actor.user_id)
    audit.record("auth.all_sessions_ended", "user", actor.user_id, actor=actor, after={"sessions": ended})


@verb
def switch_business(*, actor: Actor, business_id: int) -> None:
    """Work in another business of the actor's from now on. Raises NotAMember."""
    if queries.active_membership(actor.user_id, business_id) is None:
        raise NotAMember
    db.session.execute(update(Session).where(Session.id == actor.session_id).values(business_id=business_id))
    callers.forget_sessions([(actor.user_id, actor.session_id)])
    # Without where they came from: that is another business's affair.
    audit.record("auth.switched", "session", actor.session_id, actor=actor, business_id=business_id)


def change_secret(*, actor: Actor, current: str, new: str) -> dict:
    """Replace the actor's PIN or password, end their other sessions and give this one new tokens.

    Raises WrongCredentials, TooManyGuesses, WeakPin or WeakPassword.
    """
    needs_password = queries.is_admin_anywhere(actor.user_id)
    own = select(User.secret_hash, User.full_name, User.username, User.email, User.phone)
    column, *names = db.session.execute(own.where(User.id == actor.user_id)).one()
    db.session.rollback()  # no connection is held while guessing and hashing
    kind = credentials.check_secret(new, needs_password=needs_password, words=familiar_words(*names))
    if not credentials.prove(f"user:{actor.user_id}", current, column):
        raise WrongCredentials
    return _replace_secret(actor=actor, known_hash=column, hashed=credentials.hash_secret(new), kind=kind)


@verb
def _replace_secret(*, actor: Actor, known_hash: str, hashed: str, kind: str) -> dict:
    """Conditional on the secret that was verified: of two changes at once the second loses."""
    changed = (
        update(User)
        .where(User.id == actor.user_id, User.secret_hash == known_hash)
        .values(secret_hash=hashed, secret_kind=kind, auth_version=User.auth_version + 1)
        .returning(User.auth_version)
    )
    version = db.session.scalar(changed.execution_options(synchronize_session=False))
    if version is None:
        raise WrongCredentials
    end_sessions(Session.user_id == actor.user_id, Session.id != actor.session_id)
    callers.forget_user(actor.user_id)
    # Who has been given a token lately is who copies may be of, see businesses.queries.people_at_work.
    db.session.execute(update(Session).where(Session.id == actor.session_id).values(refreshed_at=func.now()))
    unused = (RefreshToken.session_id == actor.session_id) & RefreshToken.used_at.is_(None)
    db.session.execute(update(RefreshToken).where(unused).values(used_at=func.now()))
    audit.record("auth.secret_changed", "user", actor.user_id, actor=actor, after={"kind": kind})
    return _tokens(actor.user_id, actor.session_id, version, _new_refresh_token(actor.session_id))


@verb
def create_super_admin(*, username: str, full_name: str, password_hash: str) -> int:
    """Create platform staff; only the command line calls this. Raises LoginTaken. Returns the user's id."""
    user = User(username=username, full_name=full_name, is_super_admin=True)
    user.secret_hash, user.secret_kind = password_hash, "password"
    db.session.add(user)
    db.session.flush()
    audit.record("auth.super_admin_created", "user", user.id, actor=None, after={"username": username})
    return user.id
