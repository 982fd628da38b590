"""Exports over HTTP: everything of one's own, nothing else, harmless in a spreadsheet, and noted."""

import csv
import io
from datetime import timedelta

import pytest

from blueprints.documents import queries
from blueprints.documents.rules import COLUMNS, Subject
from ofektom.csv_stream import BOM, FORMULA, cell, encode
from tests.cast import today

TODAY = today()


def fetch(person, subject: str, **body) -> tuple[str, list[dict]]:
    """The text of an export and its rows."""
    answer = person.app.test_client().post(
        f"/api/v1/exports/{subject}.csv", json=body, headers={"Authorization": f"Bearer {person.token}"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/csv"
    text = answer.get_data(as_text=True)
    return text, list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline="")))


@pytest.fixture(scope="module")
def furnished(cast):
    """Two customers of two agents with everything there is to export."""
    cast.ada.ok("PATCH", f"/members/{cast.funke.id}", {"full_name": '=HYPERLINK("x", 1), Ọládélé'})
    accounts = [cast.open_account(cast.funke), cast.open_account(cast.ike, by=cast.emeka)]
    cast.mark(accounts[0], days=3)
    wrong = cast.mark(accounts[0])
    cast.chidi.ok("POST", f"/collections/{wrong['collection_id']}/reversal", {"reason": "-1 day,\nthe wrong card"})
    cast.mark(accounts[1], by=cast.emeka, days=2)
    cast.funke.ok("POST", "/payments", {"account_id": accounts[0]["id"], "amount": 30_000})
    return cast


@pytest.mark.parametrize("subject", Subject)
def test_an_export_has_its_columns_and_everything_an_admin_sees(furnished, subject):
    text, rows = fetch(furnished.ada, subject)
    assert text.splitlines()[0] == ",".join(COLUMNS[subject])
    listed = "members?role=customer" if subject == "customers" else subject
    items = furnished.ada.ok("GET", f"/{listed}")["items"]
    assert {int(row["id"]) for row in rows} == {item["id"] for item in items}
    assert rows


def test_a_collection_says_what_it_paid_and_whether_it_counts(furnished):
    _, rows = fetch(furnished.chidi, "collections")
    good, wrong = rows
    dates = [TODAY + timedelta(days=days) for days in range(3)]
    assert (good["amount"], good["slots"], good["currency"], good["status"]) == ("150000", "3", "NGN", "valid")
    assert good["slot_dates"] == " ".join(map(str, dates))
    assert (wrong["status"], wrong["reversal_reason"]) == ("reversed", "'-1 day,\nthe wrong card")
    assert good["customer_name"] == '\'=HYPERLINK("x", 1), Ọládélé'
    assert good["agent_name"] == "Chidi Eze"


@pytest.mark.parametrize("subject", Subject)
def test_an_agent_takes_only_their_own_and_a_customer_nothing(furnished, subject):
    names = {"chidi": furnished.chidi, "emeka": furnished.emeka}
    taken = {key: {row["id"] for row in fetch(person, subject)[1]} for key, person in names.items()}
    _, everything = fetch(furnished.ada, subject)
    assert not taken["chidi"] & taken["emeka"]
    assert taken["chidi"] | taken["emeka"] == {row["id"] for row in everything}
    assert {row["id"] for row in fetch(furnished.ada, subject, agent_id=furnished.emeka.id)[1]} == taken["emeka"]
    assert fetch(furnished.chidi, subject, agent_id=furnished.emeka.id)[1] == []
    assert furnished.funke.post(f"/exports/{subject}.csv").code == "auth.forbidden"


@pytest.mark.parametrize("subject", Subject)
def test_an_export_is_cut_by_unit_and_by_days_of_the_business(furnished, subject):
    unit = furnished.ada.ok("POST", "/units", {"name": f"Unit of {subject}"})
    for collector in (furnished.chidi, furnished.dupe):
        furnished.ada.ok("PATCH", f"/members/{collector.id}", {"unit_id": unit["id"]})
    of_unit = fetch(furnished.ada, subject, unit_id=unit["id"])[1]
    assert [row["id"] for row in of_unit] == [row["id"] for row in fetch(furnished.chidi, subject)[1]]
    day, before, after = (str(TODAY + timedelta(days=days)) for days in (0, -1, 1))
    assert len(fetch(furnished.chidi, subject, **{"from": day, "to": day})[1]) == len(of_unit)
    assert fetch(furnished.chidi, subject, to=before)[1] == []
    assert fetch(furnished.chidi, subject, **{"from": after})[1] == []


def test_days_that_end_before_they_begin_are_refused(furnished):
    answer = furnished.ada.post("/exports/payments.csv", {"from": "2026-03-02", "to": "2026-03-01"})
    assert (answer.status, answer.code, list(answer["errors"])) == (422, "request.invalid", ["to"])


@pytest.mark.parametrize("subject", Subject)
def test_pieces_follow_each_other_without_a_gap(furnished, monkeypatch, subject):
    """With pieces of a row each, and a statement made anew for them."""
    whole = fetch(furnished.bola, subject)[0]
    builder = queries._ROWS[subject].__wrapped__
    monkeypatch.setattr(queries, "ROWS", 1)
    monkeypatch.setitem(queries._ROWS, subject, queries.plain.prepared(builder))
    assert fetch(furnished.bola, subject)[0] == whole


def test_who_exports_what_is_in_the_audit_trail(furnished):
    fetch(furnished.emeka, "payments", **{"from": "2026-01-01", "agent_id": furnished.emeka.id})
    path = f"/audit?action=documents.exported&membership_id={furnished.emeka.id}&limit=1"
    [event] = furnished.ada.ok("GET", path)["items"]
    assert event["after"] == {"subject": "payments", "first": "2026-01-01", "agent_id": furnished.emeka.id}


def test_a_byte_order_mark_is_there_for_who_wants_one(furnished):
    assert fetch(furnished.ada, "payments", bom=True)[0].startswith(f"{BOM}id,")


@pytest.mark.parametrize("first", FORMULA)
def test_what_would_be_a_formula_is_text(first):
    assert cell(f"{first}1+1") == f"'{first}1+1"


def test_lines_are_those_of_rfc_4180_and_numbers_stay_numbers():
    assert encode([["a,b", 'say "x"', "two\nlines", -5, None, True, TODAY]]) == (
        f'"a,b","say ""x""","two\nlines",-5,,true,{TODAY}\r\n'
    )
