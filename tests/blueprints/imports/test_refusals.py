"""Every bad row is reported, nothing of a bad file is kept, and a file counts once."""

import csv
import io
import uuid

import pytest

from blueprints.imports.rules import COLUMNS, MOST_ROWS
from tests.cast import new_phone
from tests.isolation.withheld import row_counts
from tests.sheets import bring, row, send, sheet


def found(report) -> set[tuple]:
    """(line, column, code) of the faults of a report."""
    return {(fault["line"], fault["column"], fault["code"]) for fault in report["faults"]}


@pytest.fixture
def bad_file(cast, fresh_cast) -> bytes:
    """A row of each sort of mistake, behind a good one."""
    twice = new_phone()
    known = row(cast.chidi)
    bring(cast, known)
    good = row(cast.chidi, phone=twice, days_paid=None)
    return sheet(
        good,
        row(cast.chidi, reference=good["reference"]),  # 3
        row(cast.chidi, reference=known["reference"]),
        row(cast.chidi, phone=twice),
        row(cast.chidi, phone=cast.funke.phone),  # 6
        row(fresh_cast.chidi),
        row(cast.funke),
        row(cast.chidi, contribution="500.00", phone="12"),  # 9
        row(cast.chidi, kind="target"),
        row(cast.chidi, contribution=50_000, days_paid=32),
        row(cast.chidi, opening_balance=5),  # 12
        row(cast.chidi, customer_name="x\x00y", start="2026-13-01"),
        row(cast.chidi, start="2020-01-01"),
        row(cast.chidi, weekdays="1 8"),
    )


EXPECTED = {
    (3, "reference", "imports.reference_repeated"),
    (4, "reference", "imports.reference_taken"),
    (5, "phone", "imports.phone_repeated"),
    (6, "phone", "imports.phone_taken"),
    (7, "agent", "imports.unknown_agent"),
    (8, "agent", "imports.unknown_agent"),
    (9, "contribution", "imports.invalid_value"),
    (9, "phone", "imports.invalid_value"),
    (10, "contribution", "imports.invalid_value"),
    (10, "target_amount", "imports.invalid_value"),
    (10, "end_date", "imports.invalid_value"),
    (11, None, "savings.invalid_plan"),
    (12, "held_in", "imports.invalid_value"),
    (13, "customer_name", "imports.invalid_value"),
    (13, "start", "imports.invalid_value"),
    (14, None, "savings.invalid_plan"),
    (15, "weekdays", "imports.invalid_value"),
}


def test_every_bad_row_is_reported_and_none_is_kept(cast, bad_file):
    before = row_counts(cast.app)
    refused = send(cast.ada, bad_file)
    assert (refused.status, refused.code) == (422, "imports.invalid_rows")
    rehearsed = send(cast.ada, bad_file, "/imports?dry_run=true")
    assert rehearsed.status == 200
    assert found(refused) == found(rehearsed) == EXPECTED
    assert rehearsed["faults_total"] == len(EXPECTED)
    assert (rehearsed["rows"], rehearsed["accounts"], rehearsed["import_id"]) == (14, 5, None)
    assert row_counts(cast.app) == before


def test_the_whole_list_of_faults_is_a_file(cast, bad_file):
    answer = cast.app.test_client().post(
        "/api/v1/imports/faults.csv",
        data=bad_file,
        content_type="text/csv",
        headers={"Authorization": f"Bearer {cast.ada.token}"},
    )
    listed = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert {(int(one["line"]), one["column"] or None, one["code"]) for one in listed} == EXPECTED
    assert all(one["message"] for one in listed)


def test_a_report_shows_a_hundred_faults_and_counts_the_others(cast):
    file = sheet(*(row("nobody") for _ in range(150)))
    report = send(cast.ada, file, "/imports?dry_run=true")
    assert (report["faults_total"], len(report["faults"])) == (150, 100)


def test_a_good_file_rehearsed_keeps_nothing_and_can_then_be_imported(cast):
    file = sheet(row(cast.chidi, days_paid=3), row(cast.dupe))
    before = row_counts(cast.app)
    report = send(cast.ada, file, "/imports?dry_run=true")
    assert (report["faults"], report["accounts"]) == ([], 2)
    assert row_counts(cast.app) == before
    assert send(cast.ada, file).status == 201


def test_a_file_counts_once(cast):
    file, key = sheet(row(cast.chidi)), uuid.uuid4().hex
    first = send(cast.ada, file, key=key)
    again = send(cast.ada, file, key=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.body == first.body
    other = send(cast.bola, file)
    assert (other.status, other.code) == (409, "imports.already_imported")
    assert other["import_id"] == first["import_id"]
    assert send(cast.ada, file + b"\r\n", key=key).code == "idempotency.key_reused"
    assert found(send(cast.ada, file + b"\r\n")) == {(2, "reference", "imports.reference_taken")} | {
        (2, "phone", "imports.phone_taken")
    }


def test_the_same_file_is_another_import_in_another_business(cast, fresh_cast):
    """References are unique in a business; an agent is looked for in one's own."""
    one = row(cast.chidi)
    bring(cast, one)
    bring(fresh_cast, one | {"agent": fresh_cast.chidi.phone, "phone": new_phone()})


PLANS = [
    {"contribution": 0},
    {"contribution": 10**11 + 1},
    {"cycles": 121},
    {"cycle_days": 367},
    {"cycles": 40, "cycle_days": 31},
    {"weekdays": "1 1 8"},
    {"kind": "weekly"},
    {"contribution": None, "kind": "target", "target_amount": 100, "end_date": "2000-01-01"},
    {"contribution": 5, "kind": "target", "target_amount": 100, "end_date": "2099-01-01"},
    {"start": "2024-01-01"},
    {"cycle_kind": "fortnight"},
    {},
    {"cycle_kind": "calendar_month", "cycles": 3, "weekdays": "1 2 3 4 5"},
]


@pytest.mark.parametrize("changes", PLANS, ids=str)
def test_a_row_is_refused_when_the_plan_would_be_and_only_then(cast, changes):
    one = row(cast.chidi, **changes)
    plan = {name: one[name] for name in one.keys() - {"reference", "customer_name", "phone", "agent"}}
    if "weekdays" in plan:
        plan["weekdays"] = [int(day) for day in plan["weekdays"].split()]
    asked = cast.ada.post("/savings/preview", plan)
    report = send(cast.ada, sheet(one), "/imports?dry_run=true")
    refusal = {"request.invalid": "imports.invalid_value"}.get(asked.code, asked.code)
    assert {fault["code"] for fault in report["faults"]} == ({refusal} if refusal else set())


def test_what_a_request_has_no_time_for_is_refused(cast):
    refused = send(cast.ada, sheet(*(row(cast.chidi) for _ in range(MOST_ROWS + 1))))
    assert (refused.status, refused.code, refused["most_rows"]) == (422, "imports.too_many_rows", MOST_ROWS)


def test_a_body_of_another_type_is_refused(cast):
    assert cast.ada.post("/imports", {"reference": "x"}).code == "request.media_type"


def test_the_template_is_a_file_that_can_be_imported(cast):
    answer = cast.app.test_client().get(
        "/api/v1/imports/template.csv", headers={"Authorization": f"Bearer {cast.ada.token}"}
    )
    assert answer.get_data(as_text=True) == ",".join(COLUMNS) + "\r\n"
    report = send(cast.ada, answer.get_data(), "/imports?dry_run=true")
    assert (report["rows"], report["faults"]) == (0, [])
