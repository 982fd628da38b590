"""/imports: bring customers, accounts and opening balances from a CSV file, or check one."""

import hashlib
import io

from flask import Response, g

from blueprints.imports import queries, schemas, services
from blueprints.imports.rules import (
    COLUMNS,
    FAULT,
    AlreadyImported,
    InvalidRows,
    ReferenceTaken,
    StillImporting,
    TooManyRows,
)
from blueprints.savings.rules import TrackingNumberTaken
from blueprints.users.rules import AlreadyMember, WrongParent
from ofektom import csv_stream
from ofektom.csv_reading import Unreadable, WrongColumns
from ofektom.examples import Example
from ofektom.money import AmountTooLarge
from ofektom.schemas import PageIn
from ofektom.views import OtherAnswer, Slice

bp = Slice("imports", __name__, url_prefix="/imports")

READING = [WrongColumns, Unreadable, TooManyRows, AlreadyImported, StillImporting]
WRITING = [InvalidRows, ReferenceTaken, AlreadyMember, WrongParent, TrackingNumberTaken, AmountTooLarge]
AS_CSV = [OtherAnswer(200, csv_stream.MEDIA_TYPE)]
EXAMPLE = Example(file="reference,customer_name,agent,kind,contribution\nCARD-17,Efe Obi,chidi,daily,50000\n")


def _import(actor, file: bytes, **how) -> dict:
    """Read the body's rows, as often as the verb has to begin again."""
    digest = hashlib.sha256(file).hexdigest()
    return services.import_rows(actor=actor, rows=lambda: schemas.rows(io.BytesIO(file)), digest=digest, **how)


@bp.post(
    "",
    access="imports.make",
    file=csv_stream.MEDIA_TYPE,
    answer=schemas.ReportOut(),
    idempotent=True,
    dry_run=True,
    errors=READING + WRITING,
    example=EXAMPLE,
)
def add(actor, file):
    """Import customers, their savings accounts and opening balances: all rows of the file or none.

    With `dry_run=true` the answer is a report on every row, good or bad. At most 1 000 rows; more by command. See
    docs/importing.md for the columns.
    """
    return _import(actor, file, check_only=g.get("rehearsing", False))


@bp.post(
    "/faults.csv",
    access="imports.make",
    status=200,
    file=csv_stream.MEDIA_TYPE,
    errors=READING,
    other_answers=AS_CSV,
    example=EXAMPLE,
)
def faults(actor, file):
    """Everything that is wrong with a file, as CSV: line, column, code and message. Imports nothing."""
    found = []
    _import(actor, file, check_only=True, sink=found.extend)
    return _attached("faults", csv_stream.encode([FAULT, *([row[name] for name in FAULT] for row in found)]))


@bp.get("/template.csv", access="imports.make", other_answers=AS_CSV)
def template(actor):
    """An empty file to fill in: the line of columns."""
    return _attached("template", csv_stream.encode([COLUMNS]))


def _attached(name: str, lines: str) -> Response:
    """A short CSV file."""
    response = Response(lines, content_type=f"{csv_stream.MEDIA_TYPE}; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


@bp.get("", access="imports.make", query=PageIn(), answer=schemas.ImportPage)
def imports(actor, query):
    """The imports that were made, newest first."""
    return queries.imports(actor, **query)
