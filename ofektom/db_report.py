"""`flask db-report`: where PostgreSQL spends its time and room, from its own statistics.

Source of every figure: the PostgreSQL manual, "The Cumulative Statistics System" and "pg_stat_statements". Rows and
dead rows are PostgreSQL's estimates. A dead row is one that was changed or deleted and whose room VACUUM has not yet
given back, so their share says cheaply how bloated a table is; room given back inside a table is not counted.
"""

from collections.abc import Sequence
from datetime import datetime

import click
from flask.cli import with_appcontext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ofektom.extensions import db
from ofektom.reporting import reports

LONGEST_STATEMENT = 110
NOT_PRELOADED = "55000"  # object not in prerequisite state
SWITCH_ON = (
    "Not measured. Set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart PostgreSQL, and run"
    " CREATE EXTENSION pg_stat_statements in this database."
)

_OVERVIEW = text(
    """
    SELECT d.datname AS database, current_setting('server_version') AS version,
        coalesce(d.stats_reset, pg_postmaster_start_time()) AS since, d.stats_reset IS NOT NULL AS since_is_exact,
        pg_database_size(d.datid) AS bytes
    FROM pg_stat_database d WHERE d.datname = current_database()
    """
)
# The view is wherever the extension was put: some hosts have a schema for extensions.
_EXTENSION = text(
    "SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
    " WHERE extname = 'pg_stat_statements'"
)
_STATEMENTS = """
    SELECT calls, round(mean_exec_time::numeric, 2)::float AS mean_ms,
        round(total_exec_time::numeric)::bigint AS total_ms,
        round((100 * total_exec_time / nullif(sum(total_exec_time) OVER (), 0))::numeric, 1)::float AS share_percent,
        round(rows::numeric / nullif(calls, 0), 1)::float AS rows_a_call,
        btrim(regexp_replace(query, '\\s+', ' ', 'g')) AS statement
    FROM {schema}.pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY mean_exec_time DESC LIMIT 15
"""
_INDEXES = """
    SELECT s.relname AS table, s.indexrelname AS index, s.idx_scan AS scans, s.idx_tup_read AS rows_read,
        pg_relation_size(s.indexrelid) AS bytes, i.indisvalid AS valid
    FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid WHERE {those}
"""
_UNIQUE = "(i.indisunique OR EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid))"
_SECTIONS = {
    "unused_indexes": _INDEXES.format(those=f"s.idx_scan = 0 AND NOT {_UNIQUE} ORDER BY bytes DESC, index"),
    "indexes": _INDEXES.format(those=f"s.idx_scan > 0 OR {_UNIQUE} ORDER BY scans DESC, index"),
    "tables": """
        SELECT relname AS table, n_live_tup AS rows, n_dead_tup AS dead_rows,
            round(100.0 * n_dead_tup / nullif(n_live_tup + n_dead_tup, 0), 1)::float AS dead_percent,
            seq_scan AS read_through, pg_total_relation_size(relid) AS bytes,
            greatest(last_vacuum, last_autovacuum) AS vacuumed, greatest(last_analyze, last_autoanalyze) AS analyzed
        FROM pg_stat_user_tables ORDER BY n_dead_tup DESC, bytes DESC
    """,
    "buffer_hits": """
        SELECT 'all' AS of, blks_hit AS hits, blks_read AS reads,
            round(100.0 * blks_hit / nullif(blks_hit + blks_read, 0), 2)::float AS hit_percent
        FROM pg_stat_database WHERE datname = current_database()
        UNION ALL SELECT 'indexes', sum(idx_blks_hit)::bigint, sum(idx_blks_read)::bigint,
            round(100.0 * sum(idx_blks_hit) / nullif(sum(idx_blks_hit + idx_blks_read), 0), 2)::float
        FROM pg_statio_user_indexes
    """,
    "connections": """
        SELECT coalesce(state, 'not shown to this role') AS state, count(*) AS connections,
            round(extract(epoch FROM max(now() - state_change)))::bigint AS longest_seconds,
            current_setting('max_connections')::int AS limit
        FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1 ORDER BY 2 DESC
    """,
}
_TITLES = {
    "statements": "Slowest statements, by their mean time",
    "unused_indexes": "Indexes that no statement has used, and no constraint needs",
    "indexes": "Indexes, by how often they were used",
    "tables": "Tables, by dead rows (estimated)",
    "buffer_hits": "Blocks found in PostgreSQL's buffers",
    "connections": "Connections to this database",
}


def report() -> dict:
    """What PostgreSQL says of this database, a list of rows for each section.

    `statements` is None where pg_stat_statements is not on. `since` is when the statistics were last reset; if never,
    when the server started, and they may be older.
    """
    overview = dict(db.session.execute(_OVERVIEW).mappings().one())
    sections = {name: _rows(query) for name, query in _SECTIONS.items()}
    return overview | {"statements": _statements()} | sections


def _statements() -> list[dict] | None:
    schema = db.session.scalar(_EXTENSION)
    if schema is None:
        return None
    try:
        return _rows(_STATEMENTS.format(schema=schema))
    except DBAPIError as error:
        db.session.rollback()
        if getattr(error.orig, "pgcode", None) == NOT_PRELOADED:
            return None
        raise


def _rows(query: str) -> list[dict]:
    return [dict(row) for row in db.session.execute(text(query)).mappings()]


def as_text(found: dict) -> str:
    """The report as aligned columns, for a terminal."""
    since = f"{found['since']:%Y-%m-%d %H:%M} UTC{'' if found['since_is_exact'] else ' or longer'}"
    size = _shown(found["bytes"], "bytes")
    head = f"{found['database']}: PostgreSQL {found['version']}, {size}, counted since {since}"
    return "\n\n".join([head, *(_section(name, found[name]) for name in _TITLES)])


def _section(name: str, rows: list[dict] | None) -> str:
    if rows is None:
        return f"{_TITLES[name]}\n  {SWITCH_ON}"
    return "\n".join([_TITLES[name], *(f"  {line}" for line in _aligned(rows) or ["none"])])


def _aligned(rows: list[dict]) -> Sequence[str]:
    if not rows:
        return []
    names = list(rows[0])
    cells = [[name.replace("_", " ") for name in names]]
    cells += [[_shown(row[name], name) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [isinstance(rows[0][name], int | float) and not isinstance(rows[0][name], bool) for name in names]
    return [_line(row, widths, right) for row in cells]


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    placed = zip(cells, widths, right, strict=True)
    parts = [cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in placed]
    return "  ".join(parts).rstrip()


def _shown(value, name: str) -> str:
    if value is None:
        return "-"
    if name == "bytes":
        return _size(value)
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)[:LONGEST_STATEMENT]


def _size(count: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 10_000:
            return f"{count} {unit}"
        count = round(count / 1024)
    return f"{count} TB"


@click.command("db-report", short_help="Show what slows the database down.")
@reports(as_text)
@with_appcontext
def db_report() -> dict:
    """Show slow statements, indexes and their use, dead rows, buffer hits and connections of the database."""
    return report()
