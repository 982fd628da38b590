"""Every index is needed by a query that has a name, and every such query uses its index, on a populated database.

The planner chooses by itself, with the session's settings of the service. An index that is not in `needs.py` has to be
dropped, or the query that needs it named there and in docs/indexes.md.
"""

import re
from dataclasses import replace
from functools import cache

import flask_migrate
import pytest
from sqlalchemy import event, text

from ofektom.app import create_app
from ofektom.credentials import hash_secret
from ofektom.extensions import db
from tests.architecture.needs import BY_CONSTRAINT, NEEDS, SIZE, Query
from tests.architecture.reading import ROOT
from tests.brought import brought
from tests.cast import PIN
from tests.concurrency.race import separate_database
from tests.conftest import MIGRATIONS
from tests.population import Size, populate

# What the service sets in each of its sessions; work_mem decides between a sort and an index.
SESSION = {"random_page_cost": "1.1", "work_mem": "'16MB'", "effective_cache_size": "'4GB'"}
# Tables that stay small, so that reading them through is right.
SMALL = {"businesses", "business_settings", "holidays", "units", "audit_seals", "webhooks"}
DOCUMENT = (ROOT / "docs" / "indexes.md").read_text()
PAIRS = [(index, query) for index, queries in NEEDS.items() for query in queries]
QUERIES = {query.name: query for query in [*BY_CONSTRAINT, *(query for _, query in PAIRS)]}

_INDEXES = """
    SELECT i.relname AS name, t.relname AS table, x.indisprimary AS key, x.indisunique AS unique,
        (SELECT string_agg(pg_get_indexdef(i.oid, n, true), ', ' ORDER BY n) FROM generate_series(1, x.indnatts) n)
            AS columns, pg_get_expr(x.indpred, x.indrelid, true) AS part
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'alembic_version' ORDER BY t.relname, i.relname
"""


@pytest.fixture(scope="module")
def populated(database_url, settings):
    """An application on a database of its own, in which some thousand customers have saved for a month."""
    with separate_database(database_url, "populated") as url:
        patient = replace(settings, database_url=url, idle_in_transaction_timeout_ms=0)  # plans are read in between
        application = create_app(patient, testing=True)
        with application.app_context():
            with db.engine.begin() as connection:
                for name, value in SESSION.items():
                    connection.execute(text(f"ALTER DATABASE populated SET {name} = {value}"))
            db.engine.dispose()
            flask_migrate.upgrade(str(MIGRATIONS))
            with db.engine.begin() as connection:
                populate(connection, SIZE, secret_hash=hash_secret(PIN), sealed=True)
                for bringing in brought("needs"):
                    bringing.populate(connection)
            yield application
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="module")
def plan(populated):
    """Says which indexes a query uses and which tables it reads through."""
    return cache(_plan)


@pytest.fixture(scope="module")
def indexes(populated) -> list[dict]:
    """What is in the database."""
    return [dict(row) for row in db.session.execute(text(_INDEXES)).mappings()]


def _plan(query: Query) -> tuple[set[str], set[str]]:
    sent = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if statement.lstrip().split()[0] in {"SELECT", "WITH", "UPDATE", "DELETE", "INSERT"}:
            sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        query.run()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    used, read_through = set(), set()
    cursor = db.session.connection().connection.cursor()
    for statement, parameters in sent:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        for node in _nodes(cursor.fetchone()[0][0]["Plan"]):
            used.add(node.get("Index Name"))
            if node["Node Type"] == "Seq Scan":
                read_through.add(node["Relation Name"])
    db.session.rollback()
    return used, read_through


def _nodes(node: dict):
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@pytest.mark.parametrize(("index", "query"), PAIRS, ids=lambda value: getattr(value, "name", value))
def test_a_query_uses_the_index_it_is_said_to_need(plan, index, query):
    used, _ = plan(query)
    assert index in used


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_no_query_reads_a_large_table_through(plan, query):
    _, read_through = plan(query)
    assert read_through <= SMALL


def test_the_small_tables_are_small(populated):
    for table in SMALL:
        assert db.session.scalar(text(f"SELECT count(*) FROM {table}")) < 100, table


def test_every_index_is_needed_by_a_constraint_or_a_query(indexes):
    assert {index["name"] for index in indexes if not index["unique"]} == NEEDS.keys()


def test_the_document_lists_every_index_with_what_needs_it(indexes):
    listed = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    assert listed == [*by_query(indexes), *by_constraint(indexes)]
    assert int(re.search(r"\*\*(\d+) indexes\*\*", DOCUMENT)[1]) == len(indexes)


def by_query(indexes: list[dict]) -> list[str]:
    """The rows of the document's first table."""
    return [
        f"| `{index['name']}` | {_columns(index)} | {', '.join(f'`{query.name}`' for query in NEEDS[index['name']])} |"
        for index in indexes
        if not index["unique"]
    ]


def by_constraint(indexes: list[dict]) -> list[str]:
    """The rows of its second."""
    return [
        f"| `{index['name']}` | {_columns(index)} | {'primary key' if index['key'] else 'unique'} |"
        for index in indexes
        if index["unique"]
    ]


def _columns(index: dict) -> str:
    part = f" where {index['part']}" if index["part"] else ""
    return re.sub(r"::(text|character varying)\b", "", f"`{index['table']} ({index['columns']}){part}`")


def test_the_population_adds_up_and_keeps_every_constraint(database_url, settings):
    """Also with other sizes, for the database that plans are made on is a good one to measure on, too."""
    with separate_database(database_url, "small_population") as url:
        patient = replace(settings, database_url=url, idle_in_transaction_timeout_ms=0)  # plans are read in between
        application = create_app(patient, testing=True)
        with application.app_context():
            flask_migrate.upgrade(str(MIGRATIONS))
            with db.engine.begin() as connection:
                populate(connection, Size(businesses=2, accounts=40, days=35), trusting=False)
            said = application.test_cli_runner().invoke(args=["verify"])
            assert said.output == "everything adds up\n"
            db.session.remove()
            db.engine.dispose()
