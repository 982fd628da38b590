"""Whoever calls, kept able to call whatever they do to themselves, and what there is for them to name."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from flask import Flask
from sqlalchemy import text

from blueprints.businesses.services import change_business
from blueprints.ops.routes import ASSETS
from blueprints.users.services import reactivate, set_user_active
from ofektom.auth import issue_access_token, load_actor
from ofektom.extensions import db
from ofektom.identity import Actor
from tests.isolation.people import Persona
from tests.isolation.world import Canary

REASON = "They shut themselves out"
ROWS_READ_ANEW = 25  # how many requests later
# The rows that a name in a path, query or body may mean: the newest of the business, and of some those of the caller.
NEWEST = "SELECT id FROM {} WHERE business_id = :business_id ORDER BY id DESC LIMIT 12"
MEMBERS = NEWEST.format("memberships")
ROWS = {
    "account_id": NEWEST.format("savings_accounts"),
    "card_id": NEWEST.format("expense_cards"),
    "collection_id": NEWEST.format("collections"),
    "expense_id": NEWEST.format("expenses"),
    "item_id": NEWEST.format("expense_items"),
    "message_id": "SELECT id FROM messages WHERE business_id = :business_id AND member_id = :member_id LIMIT 12",
    "payment_account_id": NEWEST.format("payment_accounts"),
    "request_id": NEWEST.format("payment_requests"),
    "session_id": "SELECT id FROM sessions WHERE user_id = :user_id AND ended_at IS NULL ORDER BY id DESC LIMIT 12",
    "unit_id": NEWEST.format("units"),
    "user_id": "SELECT id FROM users ORDER BY id DESC LIMIT 12",
    "webhook_id": NEWEST.format("webhooks"),
}
ROWS |= dict.fromkeys(("agent_id", "collector_id", "customer_id", "member_id", "parent_id", "to_member_id"), MEMBERS)
# The kinds of things of the furnished world that a name may mean.
KINDS = {"agent_id": "collector", "parent_id": "collector", "to_member_id": "collector", "check_code": "receipt"}


@dataclass
class Caller:
    """A persona of a role on a furnished world; without a role anybody."""

    app: Flask
    persona: Persona
    business_id: int
    mender: Actor
    canaries: Sequence[Canary] = ()
    _known: dict[str, list] = field(default_factory=dict)
    _asked: int = 0

    GIVEN: ClassVar[dict[str, list]] = {"version": [ASSETS.version], "cursor": ["MQ", "MTAw", "OTk5OTk5"]}

    def token(self) -> str:
        """A token that is good now: who has signed out signs in again, who is shut out is let in."""
        person = self.persona.client
        with self.app.app_context():
            self._let_in(person.user_id, getattr(person, "id", None))
            user = {"user_id": person.user_id}
            version = _scalar("SELECT auth_version FROM users WHERE id = :user_id", **user)
            open_one = "SELECT max(id) FROM sessions WHERE ended_at IS NULL AND user_id = :user_id"
            session_id = _scalar(open_one, **user)
            if session_id is None or load_actor(person.user_id, session_id, version) is None:
                session_id = self._sign_in(person)
            return issue_access_token(person.user_id, session_id, version)

    def _let_in(self, user_id: int, member_id: int | None) -> None:
        state = "SELECT u.is_active FROM users u WHERE u.id = :user_id"
        if not _scalar(state, user_id=user_id):
            set_user_active(actor=self.mender, user_id=user_id, active=True, reason=REASON)
        if member_id is None:
            return
        mine = {"business_id": self.business_id}
        if not _scalar("SELECT is_active FROM businesses WHERE id = :business_id", **mine):
            change_business(actor=self.mender, business_id=self.business_id, changes={"is_active": True})
        status = "SELECT status FROM memberships WHERE business_id = :business_id AND id = :member_id"
        if _scalar(status, member_id=member_id, **mine) == "deactivated":
            reactivate(actor=self.mender, member_id=member_id, reason=REASON)

    def _sign_in(self, person) -> int:
        new = (
            "INSERT INTO sessions (user_id, business_id, expires_at)"
            " VALUES (:user_id, :business_id, now() + interval '1 day') RETURNING id"
        )
        business_id = self.business_id if self.persona.business else None
        session_id = _scalar(new, user_id=person.user_id, business_id=business_id)
        db.session.commit()
        return session_id

    def names(self, name: str) -> list:
        """What a request may say for `name` so that something is found; nothing for what is no name of a thing."""
        if self._asked % ROWS_READ_ANEW == 0:
            self._known.clear()
        self._asked += 1
        if name not in self._known:
            self._known[name] = self.GIVEN.get(name) or self._own(name) + self._rows(name)
        return self._known[name]

    def _own(self, name: str) -> list:
        kind = KINDS.get(name, name.removesuffix("_id").replace("card", "expense_card"))
        return [thing.id for thing in self.persona.things if thing.kind.startswith(kind) and self.persona.owns(thing)]

    def _rows(self, name: str) -> list:
        if name not in ROWS:
            return []
        person = self.persona.client
        mine = {"user_id": getattr(person, "user_id", 0), "member_id": getattr(person, "id", 0)}
        with self.app.app_context(), db.engine.connect() as connection:
            return list(connection.scalars(text(ROWS[name]), mine | {"business_id": self.business_id}))

    def put_names(self, values: dict, chance: Callable[[str], int]) -> dict:
        """`values` with the things that most of their names mean; a number of `chance` decides which, and whether."""
        found = {}
        for name, value in values.items():
            named, number = self.names(name) if type(value) in (int, str) else [], chance(name)
            found[name] = named[number // 4 % len(named)] if named and number % 4 else value
        return found


def chance_of(*parts: object) -> Callable[[str], int]:
    """Numbers by name that the same request always gets."""
    seed = zlib.crc32(repr(parts).encode("utf-8", "surrogatepass"))
    return lambda name: zlib.crc32(name.encode("utf-8", "surrogatepass"), seed)


def _scalar(query: str, **values):
    return db.session.scalar(text(query), values)
