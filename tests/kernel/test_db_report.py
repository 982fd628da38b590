"""`flask db-report`, on the embedded PostgreSQL and on one that counts its statements."""

import json
from collections.abc import Iterator
from dataclasses import replace

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from ofektom.app import create_app
from ofektom.db_report import SWITCH_ON
from ofektom.extensions import db
from tests.conf.debian_postgres import debian_postgres
from tests.conftest import MIGRATIONS

SECTIONS = {"statements", "unused_indexes", "indexes", "tables", "buffer_hits", "connections"}
UNUSED = "ix_collections_of_day"


def said(app: Flask, *options: str) -> str:
    """What the command prints, in a transaction of its own: PostgreSQL's statistics stand still within one."""
    with app.app_context():
        done = app.test_cli_runner().invoke(args=["db-report", *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture(scope="module")
def counting(settings) -> Iterator[Flask]:
    """The application on a server of Debian's that was told to count statements, before the extension is made."""
    with debian_postgres(shared_preload_libraries="pg_stat_statements") as url:
        application = create_app(replace(settings, database_url=url), testing=True)
        with application.app_context():
            flask_migrate.upgrade(str(MIGRATIONS))
            yield application
            db.session.remove()
            db.engine.dispose()


def run(statement: str) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(statement))


def test_without_the_extension_it_says_how_to_switch_it_on(cast, app):
    report = json.loads(said(app, "--json"))
    assert report.keys() >= SECTIONS
    assert report["statements"] is None
    assert SWITCH_ON in said(app)


def test_it_knows_what_the_service_has_used(cast, app):
    cast.ada.ok("GET", "/members")
    report = json.loads(said(app, "--json"))
    named = {row["index"]: row for row in report["indexes"] + report["unused_indexes"]}
    assert named["pk_users"]["valid"]
    assert not [row["index"] for row in report["unused_indexes"] if not row["index"].startswith("ix_")]
    assert {row["table"] for row in report["tables"]} >= {"users", "ledger_postings"}
    assert sum(row["connections"] for row in report["connections"]) >= 1
    assert report["connections"][0]["limit"] == 200


def test_columns_are_aligned_and_sizes_readable(cast, app):
    lines = said(app).splitlines()
    heading = next(number for number, line in enumerate(lines) if line.startswith("Tables, by dead rows"))
    names, row = lines[heading + 1], lines[heading + 2]
    assert names.split()[:3] == ["table", "rows", "dead"]
    assert row.index("kB") < len(names)
    assert f"PostgreSQL 18.4, {lines[0].split(', ')[1]}" in lines[0]


def test_with_the_extension_it_names_the_slowest_statement(counting):
    """In whatever schema the extension is: hosts have one of their own for them."""
    assert json.loads(said(counting, "--json"))["statements"] is None
    run("CREATE SCHEMA host_extensions")
    run("CREATE EXTENSION pg_stat_statements SCHEMA host_extensions")
    run("SELECT pg_sleep(0.3)")
    slowest = json.loads(said(counting, "--json"))["statements"][0]
    assert slowest["statement"] == "SELECT pg_sleep($1)"
    assert slowest["calls"] == 1
    assert 300 <= slowest["mean_ms"] < 3000
    assert "SELECT pg_sleep($1)" in said(counting)


def test_an_index_that_nobody_uses_is_told_until_somebody_does(counting):
    looked_up = "SELECT count(*) FROM collections WHERE business_id = 1 AND collected_on = '2026-01-01'"

    def unused() -> set[str]:
        return {row["index"] for row in json.loads(said(counting, "--json"))["unused_indexes"]}

    assert UNUSED in unused()
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text(looked_up))
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    assert UNUSED not in unused()


def test_an_index_that_is_not_valid_is_told(counting):
    run(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{UNUSED}'::regclass")
    report = json.loads(said(counting, "--json"))
    row = next(row for row in report["indexes"] + report["unused_indexes"] if row["index"] == UNUSED)
    assert row["valid"] is False
    run(f"UPDATE pg_index SET indisvalid = true WHERE indexrelid = '{UNUSED}'::regclass")


def test_a_report_only_reads(counting):
    run("ALTER DATABASE postgres SET default_transaction_read_only = on")
    db.engine.dispose()
    with pytest.raises(InternalError, match="read-only"):
        run("CREATE TABLE written (id int)")
    assert said(counting)
    db.engine.dispose()
