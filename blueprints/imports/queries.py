"""What an import is checked against, and its rows and faults while it runs.

Rows and faults lie in temporary tables, which end with the transaction: checks are one statement each, however many
rows there are, and this process holds none of them.
"""

from collections.abc import Iterable, Iterator

import orjson
from sqlalchemy import select, text

from blueprints.imports.models import Import
from blueprints.imports.rules import Fault
from ofektom import paging
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, MembershipStatus, Role, User

PIECE = 1_000
# Of the temporary table and, in the same order, of the JSON that fills it.
ROW = {
    "line": "int",
    "reference": "text",
    "customer_name": "text",
    "phone": "text",
    "customer_key": "text",  # rows that have the same are about one customer
    "agent_id": "bigint",
    "tracking_number": "text",
    "kind": "text",
    "label": "text",
    "state": "text",
    "start": "date",
    "cycle_kind": "text",
    "cycle_days": "smallint",
    "contribution": "bigint",
    "weekdays": "smallint",
    "cycles": "smallint",
    "target_amount": "bigint",
    "end_date": "date",
    "days": "date[]",
    "amounts": "bigint[]",
    "day_cycles": "smallint[]",
    "commission_from": "smallint",
    "opening_balance": "bigint",
    "held_in": "text",
}
_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in ROW.items())
_FAULT = 'line int, "column" text, code text, message text'
_PREPARE = [
    f"CREATE TEMPORARY TABLE import_rows ({_COLUMNS}) ON COMMIT DROP",
    f"CREATE TEMPORARY TABLE import_faults ({_FAULT}) ON COMMIT DROP",
]
_ADD_ROWS = text(
    f"INSERT INTO import_rows SELECT {', '.join(ROW)} FROM json_to_recordset(CAST(:rows AS json)) AS r ({_COLUMNS})"  # noqa: S608 - made of our own SQL
)
_ADD_FAULTS = text(f"INSERT INTO import_faults SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS r ({_FAULT})")  # noqa: S608 - made of our own SQL

# Each finds lines; the first of several is right, and those that follow it are not.
_CHECKS = {
    ("reference", "imports.reference_repeated", "This reference is in the file more than once."): """
        SELECT line FROM (
            SELECT line, row_number() OVER (PARTITION BY reference ORDER BY line) AS nth FROM import_rows
        ) r WHERE nth > 1
    """,
    ("reference", "imports.reference_taken", "An account with this reference is there already."): """
        SELECT r.line FROM import_rows r
        JOIN savings_accounts s ON s.business_id = :business_id AND s.reference = r.reference
    """,
    ("phone", "imports.phone_repeated", "Another row with this phone has another name or agent."): """
        SELECT line FROM (
            SELECT line, customer_name <> first_value(customer_name) OVER same
                OR agent_id <> first_value(agent_id) OVER same AS differs
            FROM import_rows WHERE phone IS NOT NULL WINDOW same AS (PARTITION BY phone ORDER BY line)
        ) r WHERE differs
    """,
    ("phone", "imports.phone_taken", "Somebody with this phone is a member of the business already."): """
        SELECT line FROM import_rows r WHERE EXISTS (
            SELECT FROM memberships m WHERE m.business_id = :business_id AND m.phone = r.phone
        ) OR EXISTS (
            SELECT FROM users u JOIN memberships m ON m.business_id = :business_id AND m.user_id = u.id
            WHERE u.phone = r.phone)
    """,
}
_CHECK = "INSERT INTO import_faults SELECT line, :column, :code, :message FROM ({found}) f"
_REPORT = text(
    """
    SELECT count(*) AS accounts, count(DISTINCT customer_key) AS customers,
        CAST(coalesce(sum(opening_balance), 0) AS bigint) AS opening_balances,
        CAST(coalesce(sum(cardinality(days)), 0) AS bigint) AS days_paid,
        (SELECT count(*) FROM import_faults) AS faults_total
    FROM import_rows
    """
)
_FAULTS = 'SELECT line, "column", code, message FROM import_faults ORDER BY line, "column" NULLS FIRST, code'
_COLLIDING = text(
    """
    SELECT line FROM (SELECT line, row_number() OVER (PARTITION BY tracking_number ORDER BY line) AS nth
                      FROM import_rows) r WHERE nth > 1
    UNION SELECT r.line FROM import_rows r
    JOIN savings_accounts s ON s.business_id = :business_id AND s.tracking_number = r.tracking_number
    """
)


def agents(business_id: int) -> dict[str, int]:
    """The collectors of a business to whom a customer may be given, by each of what they sign in with."""
    query = (
        select(Membership.id, User.username, User.phone, User.email)
        .join(User, User.id == Membership.user_id)
        .where(Membership.business_id == business_id, Membership.role.in_([Role.AGENT, Role.SUB_AGENT]))
        .where(Membership.status.in_([MembershipStatus.ACTIVE, MembershipStatus.INVITED]))
    )
    return {login: member_id for member_id, *logins in db.session.execute(query) for login in logins if login}


def known_import(business_id: int, digest: str) -> int | None:
    """The id of the import of a file that has been imported."""
    same = select(Import.id).where(Import.business_id == business_id, Import.digest == digest)
    return db.session.scalar(same)


def imports(actor: Actor, *, limit: int, cursor: str | None) -> dict:
    """A page of the business's imports, newest first."""
    query = select(*Import.__table__.c).where(Import.business_id == actor.business_id)
    return paging.page(query, Import.id, limit=limit, cursor=cursor, newest_first=True)


def begin() -> None:
    """Make room for an import's rows and faults, for as long as the transaction lasts."""
    for statement in _PREPARE:
        db.session.execute(text(statement))


def add_rows(found: list[dict]) -> None:
    """Put rows aside."""
    db.session.execute(_ADD_ROWS, {"rows": orjson.dumps(found).decode()})


def add_faults(found: Iterable[Fault]) -> None:
    """Put faults aside."""
    rows = [fault._asdict() for fault in found]
    if rows:
        db.session.execute(_ADD_FAULTS, {"rows": orjson.dumps(rows).decode()})


def check(business_id: int) -> None:
    """Look for rows that contradict each other or what is there, and put what is found beside the other faults."""
    db.session.execute(text("ANALYZE import_rows"))
    for (column, code, message), found in _CHECKS.items():
        values = {"business_id": business_id} if ":business_id" in found else {}
        db.session.execute(
            text(_CHECK.format(found=found)), values | {"column": column, "code": code, "message": message}
        )


def report() -> dict:
    """What the rows put aside come to."""
    return dict(db.session.execute(_REPORT).mappings().one())


def first_faults(most: int) -> list[dict]:
    """Some faults, in the order of the file."""
    return _fetch(f"{_FAULTS} LIMIT {most:d}")


def fault_pieces() -> Iterator[list[dict]]:
    """All faults in the order of the file, in pieces that are read as they are asked for."""
    db.session.execute(text(f"DECLARE import_faults_read CURSOR FOR {_FAULTS}"))
    while piece := _fetch(f"FETCH {PIECE:d} FROM import_faults_read"):
        yield piece


def _fetch(query: str) -> list[dict]:
    return [dict(row) for row in db.session.execute(text(query)).mappings()]


def colliding_lines(business_id: int) -> list[int]:
    """The lines whose tracking number another one has, of the file or of the business."""
    return list(db.session.scalars(_COLLIDING, {"business_id": business_id}))
