"""Files nobody makes in good faith: hostile text in every column, and bytes that are no table."""

import csv
import io

import pytest

from blueprints.imports.rules import COLUMNS
from tests.concurrency.race import assert_adds_up
from tests.hostile.asking import good_request
from tests.hostile.values import QUERY_TEXTS
from tests.sheets import row, send, sheet

TEXTS = sorted({text for texts in QUERY_TEXTS.values() for text in texts if text.strip() and len(text) < 5_000})
BYTES = {
    "nothing": b"",
    "NUL": b"\0" * 1_000,
    "JSON": b'{"reference": 1}',
    "UTF-16": "reference,customer_name,agent,kind\n".encode("utf-16"),
    "a line without an end": b"reference,customer_name,agent,kind\n" + b"a" * 900_000,
    "100 000 commas": b"," * 100_000,
    "100 000 quotes": b'"' * 100_000,
    "too large": b"a" * 1_100_000,
}


@pytest.mark.parametrize("column", COLUMNS)
def test_no_text_in_any_column_breaks_an_import(cast, column):
    """Each row is good or has a fault that says why; the good ones can be imported, and the money adds up."""
    rows = [row(cast.chidi) | {column: text} for text in TEXTS]
    names = list(dict.fromkeys([*rows[0], column]))
    starts, line = [], 2
    for one in rows:
        starts.append(line)
        line += sheet({name: one[name] for name in names}).count(b"\n") - 1
    listed = cast.app.test_client().post(
        "/api/v1/imports/faults.csv",
        data=sheet(*rows),
        content_type="text/csv",
        headers={"Authorization": f"Bearer {cast.ada.token}"},
    )
    assert listed.status_code == 200, listed.data
    faults = list(csv.DictReader(io.StringIO(listed.get_data(as_text=True))))
    bad = {int(fault["line"]) for fault in faults}
    assert bad <= set(starts)
    assert all(fault["code"] and fault["message"] for fault in faults)
    good = [one for one, start in zip(rows, starts, strict=True) if start not in bad]
    assert send(cast.ada, sheet(row(cast.chidi), *good)).status == 201
    assert_adds_up(cast.app)


@pytest.mark.parametrize("sort", BYTES)
def test_bytes_that_are_no_table_are_refused(world, people, vandal, tally, sort):
    for name in ("imports.add", "imports.faults"):
        good = good_request(world, people, name)
        assert vandal.send(good, sort, data=BYTES[sort], content_type="text/csv") in (413, 422)
    assert not tally.wrong, "\n".join(tally.wrong)
