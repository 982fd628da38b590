"""Who is calling, from copies: the session until its token expires, the user 5 minutes, their businesses 10 minutes.

The three copies come with one cache command, or from one statement. In front of them each process remembers a token's
caller for at most a second. Only reads trust this; whoever wants to change something is looked up in PostgreSQL.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from flask import Flask, current_app

from ofektom import facts, metrics, plain
from ofektom.caching import CacheKeys
from ofektom.facts import Fact, Generation, Reading
from ofektom.freshness import HORIZON
from ofektom.identity import Actor, MembershipStatus

NEARBY_SECONDS = 1.0
USER_SECONDS = 300
BUSINESSES_SECONDS = 600
MOST_NEARBY = 10_000

_READ = plain.Statement(f"""
    SELECT {HORIZON},
        CASE WHEN s.id IS NOT NULL THEN json_build_object(
            'business_id', s.business_id, 'is_open', s.ended_at IS NULL, 'expires_at', extract(epoch FROM s.expires_at)
        ) END AS session,
        json_build_object('id', u.id, 'username', u.username, 'phone', u.phone, 'email', u.email,
            'full_name', u.full_name, 'secret_kind', u.secret_kind, 'is_super_admin', u.is_super_admin,
            'is_active', u.is_active, 'auth_version', u.auth_version) AS "user",
        (SELECT coalesce(json_agg(json_build_object(
                'membership_id', m.id, 'business_id', b.id, 'business_name', b.name, 'role', m.role,
                'status', m.status, 'timezone', b.timezone, 'currency', b.currency) ORDER BY b.id), '[]')
         FROM memberships m JOIN businesses b ON b.id = m.business_id AND b.is_active
         WHERE m.user_id = u.id AND m.status IN ('active', 'invited')) AS businesses,
        (SELECT coalesce(json_agg(m.business_id), '[]') FROM memberships m WHERE m.user_id = u.id) AS all_ids
    FROM users u LEFT JOIN sessions s ON s.id = %(session_id)s AND s.user_id = u.id WHERE u.id = %(user_id)s
""")  # noqa: S608 - made of our own SQL


class Claims(NamedTuple):
    """What an access token of ours says. `expires_at` in seconds since 1970."""

    user_id: int
    session_id: int
    version: int
    expires_at: float


@dataclass
class Caller:
    """Somebody signed in. `answers` are those that depend on nothing but the caller, encoded, by view."""

    claims: Claims
    session: dict
    user: dict
    businesses: list[dict]
    answers: dict[object, bytes] = field(default_factory=dict)

    @cached_property
    def actor(self) -> Actor:
        """Whom they act as, in the business the session works in, if they still belong to it."""
        user_id, session_id, staff = self.claims.user_id, self.claims.session_id, self.user["is_super_admin"]
        for place in self.businesses:
            if place["business_id"] == self.session["business_id"] and place["status"] == MembershipStatus.ACTIVE:
                names = ("business_id", "membership_id", "role", "timezone", "currency")
                return Actor(user_id, session_id, staff, **{name: place[name] for name in names})
        return Actor(user_id, session_id, staff)


def find(key: str, claims: Callable[[], Claims]) -> Caller | None:
    """The caller who sent `key` (their Authorization header); None when they may not call any more.

    `claims()` reads their token; it runs when this process has not seen the key within the last second.
    """
    nearby: dict = current_app.extensions["callers"]
    began = time.monotonic()
    until, generation, caller = nearby.get(key, (0, 0, None))
    is_known = until > began and generation == Generation.count
    metrics.cache_looked_up("local", is_known)
    if is_known:
        return caller
    generation = Generation.count
    caller = _look_up(claims())
    if caller is None:
        return None
    if len(nearby) >= MOST_NEARBY:
        nearby.clear()
    rest = min(caller.claims.expires_at, caller.session["expires_at"]) - time.time()
    nearby[key] = (began + min(NEARBY_SECONDS, rest), generation, caller)
    return caller


def _look_up(claims: Claims) -> Caller | None:
    session, user, businesses = names = _names(claims.user_id, claims.session_id)
    lives = {session: claims.expires_at - time.time(), user: USER_SECONDS, businesses: BUSINESSES_SECONDS}
    found = facts.look_up(lives, lambda: _read(claims, names))
    caller = Caller(claims, found[session], found[user], found[businesses])
    if not _may_call(caller):
        # A copy may be too old to know of a new PIN or a new session: nobody is refused on its word.
        read = _read(claims, names).facts
        caller = Caller(claims, read[session].data, read[user].data, read[businesses].data)
    return caller if _may_call(caller) else None


def _may_call(caller: Caller) -> bool:
    session, user = caller.session, caller.user
    if not session or not session["is_open"] or session["expires_at"] <= time.time():
        return False
    return bool(user and user["is_active"] and user["auth_version"] == caller.claims.version)


def _names(user_id: int, session_id: int) -> tuple[str, str, str]:
    return (
        CacheKeys.format(CacheKeys.SESSION, user_id=user_id, session_id=session_id),
        CacheKeys.format(CacheKeys.USER, user_id=user_id),
        CacheKeys.format(CacheKeys.USER_BUSINESSES, user_id=user_id),
    )


def _read(claims: Claims, names: tuple[str, str, str]) -> Reading:
    rows = _READ.run({"user_id": claims.user_id, "session_id": claims.session_id})
    if not rows:
        return Reading(0, dict.fromkeys(names, Fact(None)))
    [row] = rows
    places = tuple(CacheKeys.format(CacheKeys.BUSINESS, business_id=business_id) for business_id in row["all_ids"])
    found = [Fact(row["session"]), Fact(row["user"]), Fact(row["businesses"], places)]
    return Reading(row["horizon"], dict(zip(names, found, strict=True)))


def forget_sessions(sessions: Iterable[tuple[int, int]]) -> None:
    """Once the present verb has committed, let nobody be let in by what is remembered of these (user, session) ids."""
    facts.forget(*(CacheKeys.format(CacheKeys.SESSION, user_id=user, session_id=session) for user, session in sessions))


def forget_user(user_id: int) -> None:
    """The same, of a user's own row."""
    facts.forget(CacheKeys.format(CacheKeys.USER, user_id=user_id))


def forget_businesses(*user_ids: int) -> None:
    """The same, of what users are to which businesses."""
    facts.forget(*(CacheKeys.format(CacheKeys.USER_BUSINESSES, user_id=user_id) for user_id in user_ids))


def init_app(app: Flask) -> None:
    """Let the process remember callers of this application."""
    app.extensions["callers"] = {}
