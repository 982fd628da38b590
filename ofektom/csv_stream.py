"""CSV answers (RFC 4180, UTF-8) that are sent while they are read: of any length, in the memory of one piece.

Each piece is read in an application context of its own, with a session and a deadline of its own, and holds no
connection while it is sent: neither a slow client nor a long list keeps anything from others. See
docs/decisions/0022-documents.md.
"""

import csv
import io
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from flask import Flask, Response, current_app

from ofektom import green

log = logging.getLogger(__name__)

MEDIA_TYPE = "text/csv"
BOM = "\ufeff"
# What a spreadsheet takes for the beginning of a formula, by OWASP's page on CSV injection; the last in full width.
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def cell(value):
    """What is written for a value: text that would be a formula gets an apostrophe, numbers stay what they are."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return value


def encode(rows: Sequence[Sequence]) -> str:
    """The lines of some rows. None is nothing."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def answer(name: str, columns: Sequence[str], pieces: Iterator[list[dict]], *, bom: bool = False) -> Response:
    """The file `name`.csv: a line of `columns`, then the rows of `pieces`, which are dictionaries that have them.

    The first piece is read at once, so that what is refused is refused with a problem document. Who breaks off later
    cuts the connection: a file that is not complete is not taken for a complete one. `bom` lets Excel see that it is
    UTF-8.
    """
    app = current_app._get_current_object()
    head = (BOM if bom else "") + encode([columns]) + (_next(app, columns, pieces) or "")
    response = Response(_sent(app, columns, pieces, head), content_type=f"{MEDIA_TYPE}; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _sent(app: Flask, columns: Sequence[str], pieces: Iterator[list[dict]], head: str) -> Iterator[bytes]:
    piece: str | None = head
    while piece is not None:
        yield piece.encode()
        green.give_way()
        try:
            piece = _next(app, columns, pieces)
        except Exception as error:
            log.warning("a file was cut short: %s", type(error).__name__)
            raise


def _next(app: Flask, columns: Sequence[str], pieces: Iterator[list[dict]]) -> str | None:
    """The lines of the next piece; None after the last."""
    with app.app_context(), green.deadline(app.config["REQUEST_DEADLINE_SECONDS"]):
        rows = next(pieces, None)
        return None if rows is None else encode([[row[name] for name in columns] for row in rows])
