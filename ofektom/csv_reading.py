"""Reading somebody's CSV (RFC 4180, UTF-8 with or without a byte order mark) row by row, in bounded memory.

Comma or semicolon, as the first line has it: Excel writes semicolons where the decimal sign is a comma. Columns may
come in any order. What cannot be read as a table at all is refused as a whole; a row that does not fit is given to the
caller with what is wrong with it.
"""

import csv
from collections.abc import Collection, Iterator
from typing import BinaryIO, NamedTuple

from ofektom.csv_stream import BOM, FORMULA
from ofektom.errors import Problem

# Of one line, in bytes, and of one cell, in characters (Python's own limit): a file without an end fits no memory.
LONGEST_LINE = 100_000
LONGEST_CELL = 131_072
MOST_NAMED = 10


class Unreadable(Problem):
    code, status, title = "csv.unreadable", 422, "The file cannot be read as CSV in UTF-8"


class WrongColumns(Problem):
    code, status, title = "csv.wrong_columns", 422, "The first line must name the columns, and no others"


class Record(NamedTuple):
    """A row: the line it begins on, of which the first is 1; its cells by column; what is wrong with its shape, if so.

    Cells are trimmed; empty ones are left out.
    """

    line: int
    cells: dict[str, str]
    fault: str | None = None


def records(file: BinaryIO, columns: Collection[str], required: Collection[str]) -> Iterator[Record]:
    """The rows of a file that has a header of `columns`, the `required` ones among them. Blank lines are no rows.

    Raises WrongColumns, and Unreadable for what is no UTF-8, has no end of line for too long or is quoted wrongly.
    """
    lines = _Lines(file)
    first = next(lines, "").removeprefix(BOM)
    delimiter = ";" if ";" in first and "," not in first else ","
    header = _next(csv.reader([first], delimiter=delimiter, strict=True), lines) or []
    names = [name.strip().lower() for name in header]
    _check_names(names, columns, required)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    line = lines.read + 1
    while (row := _next(rows, lines)) is not None:
        if any(row):
            yield _record(line, names, row)
        line = lines.read + 1


class _Lines:
    """The lines of a file as text, none longer than may be."""

    def __init__(self, file: BinaryIO):
        self.file, self.read = file, 0

    def __iter__(self):
        return self

    def __next__(self) -> str:
        line = self.file.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.read += 1
        if len(line) > LONGEST_LINE:
            raise Unreadable(f"a line is longer than {LONGEST_LINE} bytes", line=self.read)
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise Unreadable("a line is not UTF-8", line=self.read) from None


def _next(rows: Iterator[list[str]], lines: _Lines) -> list[str] | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        raise Unreadable(str(error)[:100], line=lines.read) from None


def _check_names(names: list[str], columns: Collection[str], required: Collection[str]) -> None:
    wrong = {
        "unknown": [name[:40] for name in names if name not in columns],
        "repeated": sorted({name for name in names if name in columns and names.count(name) > 1}),
        "missing": [name for name in required if name not in names],
    }
    wrong = {sort: found[:MOST_NAMED] for sort, found in wrong.items() if found}
    if wrong:
        # What the client wrote may hold anything; the problem document must not.
        raise WrongColumns(**{sort: [ascii(name)[1:-1] for name in found] for sort, found in wrong.items()})


def _record(line: int, names: list[str], row: list[str]) -> Record:
    if len(row) != len(names):
        return Record(line, {}, f"{len(row)} cells, where the first line has {len(names)}")
    cells = ((name, _plain(cell.strip())) for name, cell in zip(names, row, strict=True))
    return Record(line, {name: cell for name, cell in cells if cell})


def _plain(cell: str) -> str:
    """Without the apostrophe that our own files put before what a spreadsheet would take for a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
