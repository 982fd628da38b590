"""A business with very many accounts, and a request for every read there is, made of what is in it.

The business is the one of `tests/population.py`: rows written by INSERT ... SELECT with their receipts' numbers and
counters, which no client's COPY is faster than. It is filled without waiting for the disk and kept for a later run.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import Connection, text

from bench.costs import SECRETS
from local.postgres import embedded
from ofektom.app import create_app
from ofektom.auth import issue_access_token
from ofektom.config import load_settings
from ofektom.extensions import db
from tests.conftest import MIGRATIONS
from tests.population import Size, populate

# Each of a request's ids is taken from so many rows, spread over all there are.
SPREAD = 50
_SESSION = (
    "INSERT INTO sessions (user_id, business_id, expires_at) VALUES (:id, 1, now() + interval '1 day') RETURNING id"
)
# What a server of this size would be given; filling waits less for checkpoints.
SERVER = {"max_wal_size": "8GB", "shared_buffers": "1GB"}
_SOME = "SELECT id FROM {} WHERE business_id = 1 AND {} ORDER BY md5(id::text) LIMIT :most"
_A_CUSTOMER = "SELECT min(id) FROM memberships WHERE business_id = 1 AND role = 'customer' AND status = 'active'"
_SIZES = """
    SELECT relname AS name, reltuples::bigint AS rows FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
ADMIN, AGENT, CUSTOMER = "admin", "agent", "customer"
# Paths below /api/v1 by the role that asks; {a} an account, {c} a collection, {m} a customer, {g} an agent, {p} a
# payment request, {x} an expense, {k} an expense card, {n} a search word, {t} a card's number.
PATHS = {
    ADMIN: """
        /savings /savings?state=in_progress /savings?kind=target /savings?collector_id={g}
        /savings?customer_id={m} /savings?tracking_number={t} /savings/{a} /savings/{a}/card
        /savings/{a}/statement /savings/{a}/statement.csv /collections /collections?account_id={a}
        /collections?collector_id={g} /collections/{c} /members /members?role=agent /members?role=customer
        /members?parent_id={g} /members/{m} /units /business /settings /settings/holidays /audit
        /audit?action=savings.opened /commissions /commissions?account_id={a} /commissions/agents/{g}/statement
        /expenses /expenses?status=requested /expenses/{x} /expense-cards /expense-cards?customer_id={m}
        /expense-cards/{k} /expense-cards/{k}/items /payments /payments?status=requested
        /payments?account_id={a} /payments/{p} /payment-accounts /payment-accounts?customer_id={m}
        /notifications/deliveries /notifications/deliveries?state=dead /dashboard /search?q=person+{n}
        /search?q={t} /reports/arrears /reports/dormant /reports/dormant?days=366 /reports/cash
        /reports/collections/by-day /reports/collections/by-agent /reports/collections/by-unit
        /reports/commissions /reports/four-pots /reports/trial-balance /auth/me /auth/sessions /webhooks
        /route
    """,
    AGENT: """
        /savings /collections /members /commissions /payments /expenses /route /reports/arrears /reports/dormant
        /reports/collections/by-day /reports/commissions /reports/cash /search?q=person
    """,
    CUSTOMER: "/savings /payments /expense-cards /notifications /notifications/unread-count /notifications/preferences",
}


@dataclass(frozen=True)
class Case:
    """A read: who asks, and the paths that are asked in turn."""

    name: str
    role: str
    paths: list[str]


def application(url: str) -> Flask:
    """The service on a database, in this process."""
    overrides = {"environment": "development", "database_url": url, "workers": 1, "log_level": "ERROR"}
    return create_app(load_settings(overrides | {name.lower(): value for name, value in SECRETS.items()}))


@contextmanager
def filled(folder: Path, size: Size) -> Iterator[tuple[str, float]]:
    """A server with the business in it; its URL, and in how many seconds it was filled, 0 if it was kept."""
    seconds, filling = 0.0, folder / "filling"
    if filling.exists() or not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        filling.touch()
        with embedded(folder / "data", fast=True) as url:
            seconds = _fill(url, size)
        filling.unlink()
    with embedded(folder / "data") as url:
        yield url, seconds


def _fill(url: str, size: Size) -> float:
    began, app = time.monotonic(), application(url)
    alter_system(app, **SERVER)
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
        with db.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
            populate(connection, size)
        with _alone() as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")
        db.engine.dispose()
    return time.monotonic() - began


@contextmanager
def _alone() -> Iterator[Connection]:
    """A connection whose statements are transactions of their own."""
    with db.engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def alter_system(app: Flask, **settings: str) -> None:
    """Change settings of the server; what needs a restart waits for one."""
    with app.app_context(), _alone() as connection:
        for name, value in settings.items():
            connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


def tokens(app: Flask, members: list[int]) -> dict[int, str]:
    """An access token of each member, of a session that is made for it; the population's members are their users."""
    with app.app_context(), db.engine.begin() as connection:
        sessions = {member: connection.scalar(text(_SESSION), {"id": member}) for member in members}
        return {member: issue_access_token(member, session, 1) for member, session in sessions.items()}


def members(app: Flask, size: Size) -> dict[str, int]:
    """Who asks, by role."""
    with app.app_context(), db.engine.connect() as connection:
        return {ADMIN: 1, AGENT: size.member_id(1), CUSTOMER: connection.scalar(text(_A_CUSTOMER))}


def cases(app: Flask, size: Size) -> list[Case]:
    """Every read, with ids from all over the business."""
    with app.app_context(), db.engine.connect() as connection:

        def some(table: str, condition: str = "true") -> list[int]:
            return list(connection.scalars(text(_SOME.format(table, condition)), {"most": SPREAD}))

        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

        ids = {
            "a": some("savings_accounts", "state = 'in_progress'"),
            "c": some("collections", "id % 101 = 1"),
            "m": some("memberships", "role = 'customer' AND status = 'active'"),
            "g": some("memberships", "role = 'agent'"),
            "p": some("payment_requests"),
            "x": some("expenses", "id % 11 = 1"),
            "k": some("expense_cards"),
        }
        ids["n"] = [size.staff + number * 7 % size.customers for number in range(SPREAD)]
        query = "SELECT tracking_number FROM savings_accounts WHERE business_id = 1 AND id = ANY(:ids)"
        ids["t"] = list(connection.scalars(text(query), {"ids": ids["a"]}))
    return [_case(role, path, ids) for role, paths in PATHS.items() for path in paths.split()]


def _case(role: str, path: str, ids: dict[str, list]) -> Case:
    chosen = [{name: each[turn % len(each)] for name, each in ids.items()} for turn in range(SPREAD)]
    return Case(f"{role} {path}", role, list(dict.fromkeys("/api/v1" + path.format(**one) for one in chosen)))


def table_rows(app: Flask) -> dict[str, int]:
    """About how many rows each table has."""
    with app.app_context():
        return {row["name"]: row["rows"] for row in db.session.execute(text(_SIZES)).mappings()}
