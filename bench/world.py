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
from tests.cast import Cast, Staff
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


def build_cases(url: str, secrets: dict[str, str]) -> list[Case]:
    """Fill the database at `url` through the API, and say what to measure on it."""
    overrides = {"environment": "development", "database_url": url, "workers": 1}
    overrides |= {"secret_key": secrets["SECRET_KEY"], "pin_pepper": secrets["PIN_PEPPER"]}
    app = create_app(load_settings(overrides), testing=True)
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    cast = Cast(Staff(app))
    accounts = [_account(cast, number, cycles=1) for number in range(ACCOUNTS)]
    to_mark = [_account(cast, number, cycles=2) for number in range(ACCOUNTS, 2 * ACCOUNTS)]
    tokens = _many_tokens(app, cast)
    with app.app_context():
        with db.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")  # as autovacuum would have by now
        db.engine.dispose()  # the load generator forks
    token = cast.ada.token
    people = [cast.ada, cast.bola, cast.chidi, cast.dupe, cast.emeka, cast.funke, cast.gbenga, cast.hauwa]
    # Few at once: each attempt costs its user a guess until it has turned out right.
    logins = [json.dumps({"login": one.phone, "secret": one.secret}).encode() for one in people]

    def get(path: str) -> list[bytes]:
        return [encode("GET", path.format(account["id"]), token) for account in accounts]

    def mark() -> list[bytes]:
        body = b'{"days": 1}'
        return [
            encode("POST", f"/api/v1/savings/{account['id']}/markings", token, body, Idempotency_Key=uuid.uuid4().hex)
            for account in to_mark * 4
        ]

    return [
        Case("bare", lambda: [encode("GET", "/bare/")], 1500),
        Case("me", lambda: [encode("GET", "/api/v1/auth/me", token)], 1500),
        Case("me, new to the worker", lambda: [encode("GET", "/api/v1/auth/me", one) for one in tokens], 3000),
        Case("account", lambda: get("/api/v1/savings/{}"), 800),
        Case("list of 50", lambda: [encode("GET", "/api/v1/savings?limit=50", token)], 400),
        Case("card", lambda: get("/api/v1/savings/{}/card"), 400),
        Case("marking", mark, 240, 201),
        Case("login", lambda: [encode("POST", "/api/v1/auth/login", None, one) for one in logins], 40, connections=4),
    ]


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
