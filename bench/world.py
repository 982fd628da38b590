"""A business to measure on, and the requests of each case."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import flask_migrate
from sqlalchemy import text

from bench.load import encode
from ofektom.app import create_app
from ofektom.auth import issue_access_token
from ofektom.config import load_settings
from ofektom.extensions import db
from tests.cast import Cast, Person, Staff
from tests.conftest import MIGRATIONS

ACCOUNTS = 60
DAYS_PAID = 12
MANY_SESSIONS = 3000


@dataclass(frozen=True)
class Case:
    """A request that is made over and over; `requests` makes a round's worth of them."""

    name: str
    requests: Callable[[], list[bytes]]
    total: int
    status: int = 200
    connections: int = 10


@dataclass(frozen=True)
class World:
    """A business: its cast, `accounts` to look at, and groups of accounts to mark.

    `tokens` are those of as many sessions of its admin.
    """

    cast: Cast
    accounts: list[dict]
    to_mark: list[list[dict]]
    tokens: list[str]
    people: list[Person]

    @property
    def token(self) -> str:
        return self.cast.ada.token

    def cases(self, group: int = 0, marks: int = 4) -> list[Case]:
        """What to measure. A round marks each account of the group so many times."""
        # Few at once: each attempt costs its user a guess until it has turned out right.
        logins = [json.dumps({"login": one.phone, "secret": one.secret}).encode() for one in self.people]
        token, login = self.token, "/api/v1/auth/login"
        return [
            Case("bare", lambda: [encode("GET", "/bare/")], 1500),
            Case("me", lambda: [encode("GET", "/api/v1/auth/me", token)], 1500),
            Case("me, new to the worker", lambda: [encode("GET", "/api/v1/auth/me", one) for one in self.tokens], 3000),
            Case("account", lambda: self._get("/api/v1/savings/{}"), 800),
            Case("list of 50", lambda: [encode("GET", "/api/v1/savings?limit=50", token)], 400),
            Case("card", lambda: self._get("/api/v1/savings/{}/card"), 400),
            Case("marking", lambda: self._mark(group, marks), marks * len(self.to_mark[group]), 201),
            Case("login", lambda: [encode("POST", login, None, one) for one in logins], 40, connections=4),
        ]

    def payments(self, group: int) -> Case:
        """Requests of a kobo each from the accounts of a group."""
        ids = [account["id"] for account in self.to_mark[group]]
        bodies = [json.dumps({"account_id": each, "amount": 1}).encode() for each in ids]
        return Case("payment request", lambda: [self._post("/api/v1/payments", body) for body in bodies], len(ids), 201)

    def _get(self, path: str) -> list[bytes]:
        return [encode("GET", path.format(account["id"]), self.token) for account in self.accounts]

    def _mark(self, group: int, marks: int) -> list[bytes]:
        ids = [account["id"] for account in self.to_mark[group] * marks]
        return [self._post(f"/api/v1/savings/{each}/markings", b'{"days": 1}') for each in ids]

    def _post(self, path: str, body: bytes) -> bytes:
        return encode("POST", path, self.token, body, Idempotency_Key=uuid.uuid4().hex)


def build_cases(url: str, secrets: dict[str, str]) -> list[Case]:
    """Fill the database at `url` through the API, and say what to measure on it."""
    return build_world(url, secrets).cases()


def build_world(
    url: str, secrets: dict[str, str], *, groups: int = 1, size: int = ACCOUNTS, more_people: int = 0
) -> World:
    """Fill the database at `url` through the API, with so many groups of `size` accounts to mark."""
    # Runs are longer than a token lives.
    overrides = {"environment": "development", "database_url": url, "workers": 1, "access_token_minutes": 120}
    overrides |= {"secret_key": secrets["SECRET_KEY"], "pin_pepper": secrets["PIN_PEPPER"]}
    app = create_app(load_settings(overrides), testing=True)
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    cast = Cast(Staff(app))
    accounts = [_account(cast, number, cycles=1) for number in range(ACCOUNTS)]
    to_mark = [[_account(cast, number, cycles=2) for number in range(size)] for _ in range(groups)]
    people = [cast.ada, cast.bola, cast.chidi, cast.dupe, cast.emeka, cast.funke, cast.gbenga, cast.hauwa]
    people += [cast.join("customer", f"Saver {number}", parent=cast.chidi) for number in range(more_people)]
    tokens = _many_tokens(app, cast)
    with app.app_context():
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")  # as autovacuum would have by now
        db.engine.dispose()  # the load generator forks
    return World(cast, accounts, to_mark, tokens, people)


def _account(cast: Cast, number: int, *, cycles: int) -> dict:
    member = cast.add("customer", f"Customer {number}", parent=cast.chidi)
    plan = {"kind": "daily", "contribution": 50_000, "customer_id": member["id"], "cycles": cycles}
    account = cast.chidi.ok("POST", "/savings", plan)
    cast.mark(account, days=DAYS_PAID)
    return account


def _many_tokens(app, cast: Cast) -> list[str]:
    """Tokens of as many sessions of one user, so that no worker has just seen the one it gets."""
    sessions = text(
        "INSERT INTO sessions (user_id, business_id, expires_at)"
        " SELECT :user, :business, now() + interval '1 day' FROM generate_series(1, :many) RETURNING id"
    )
    values = {"user": cast.ada.user_id, "business": cast.business_id, "many": MANY_SESSIONS}
    with app.app_context(), db.engine.begin() as connection:
        ids = connection.scalars(sessions, values).all()
        return [issue_access_token(cast.ada.user_id, session_id, 1) for session_id in ids]
