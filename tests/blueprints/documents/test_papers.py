"""Receipts and statements as PDF, and the page on which anybody checks a receipt."""

import base64
import hashlib
import io
import re
import time

import pypdf
import pytest

from blueprints.documents import queries
from ofektom import pdf
from ofektom.caching import get_cache
from ofektom.money import shown

# Dots below, tones upon them, hooked letters; then what the font lacks, what turns text around, and what is no letter.
NAMES = ["Ọládélé Ẹ̀ṣọ́", "Ƙofa ɗan Ɓala", "漢字 😀 عربي", "a\u202eb\u0301\U0010ffff", "W" * 120, "\u0301", "(\\)<>&"]
A_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def fetch(person, path: str) -> tuple[pypdf.PdfReader, str]:
    """A PDF and its text, with its lines as one."""
    headers = {"Authorization": f"Bearer {person.token}"}
    answer = person.app.test_client().get(f"/api/v1{path}", headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Cache-Control"] == "no-store"
    reader = pypdf.PdfReader(io.BytesIO(answer.data))
    return reader, " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


@pytest.fixture
def receipt(cast) -> dict:
    account = cast.open_account(cast.funke)
    return cast.mark(account, days=2)


def test_a_receipt_is_one_narrow_page_that_says_what_was_paid(cast, receipt):
    reader, text = fetch(cast.funke, f"/collections/{receipt['collection_id']}/receipt.pdf")
    [page] = reader.pages
    assert round(float(page.mediabox.width) / 72 * 25.4) == 80
    for part in ("Ada Thrift", "Funke Bello", receipt["tracking_number"], "NGN 1,000.00", receipt["check_code"]):
        assert part in text, part
    assert f"Receipt {receipt['receipt_number']} of collector" in text
    assert f"/r/{receipt['check_code']}" in text.replace(" ", "")


def test_a_reversed_receipt_says_so_on_paper_and_page(cast, receipt, app):
    path = f"/r/{receipt['check_code']}"
    assert "This receipt is valid" in app.test_client().get(path).text
    cast.chidi.ok("POST", f"/collections/{receipt['collection_id']}/reversal", {"reason": "wrong card"})
    _, text = fetch(cast.ada, f"/collections/{receipt['collection_id']}/receipt.pdf")
    assert "REVERSED" in text
    page = app.test_client().get(path).text
    assert "It no longer counts" in page
    assert "wrong card" not in page


def test_a_statement_prints_every_line_and_what_was_before_and_after(cast, receipt):
    _, text = fetch(cast.funke, f"/savings/{receipt['account_id']}/statement.pdf")
    for part in ("opening_balance", "marking.cash", "1,000.00", "closing_balance", "Funke Bello"):
        assert part in text, part


def test_a_statement_that_is_too_long_to_print_is_refused(cast, receipt, monkeypatch):
    monkeypatch.setattr(queries, "MOST_LINES", 2)
    answer = cast.funke.get(f"/savings/{receipt['account_id']}/statement.pdf")
    assert (answer.status, answer.code, answer["most"]) == (422, "documents.too_long", 2)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_can_be_printed(name):
    facts = [("Customer", name)]
    slip = pdf.slip(name, facts, address="https://x/r/A", notes=[name])
    table = pdf.table(name, facts, [pdf.Column("x", 30)], [[name]])
    for answer in (slip, table):
        assert pypdf.PdfReader(io.BytesIO(answer.data)).pages


def test_letters_of_our_languages_are_printed_and_missing_ones_are_seen():
    text = pypdf.PdfReader(io.BytesIO(pdf.table("t", [("n", "Ẹ̀ṣọ́ ƙɗɓ ₦ 漢")], [], []).data)).pages[0].extract_text()
    for letter in "Ẹṣọƙɗɓ₦?":
        assert letter in text, letter


def test_the_longest_statement_fits_on_its_pages_in_time():
    """Off the hub it takes as long, but the worker goes on; the deadline of a request is 8 s."""
    columns = [pdf.Column("x", 38)] * 5
    began = time.process_time()
    answer = pdf.table("Long", [], columns, [[f"{n},{n:03}.00" for _ in columns] for n in range(502)])
    assert time.process_time() - began < 6
    assert len(pypdf.PdfReader(io.BytesIO(answer.data)).pages) == 11


def test_the_page_needs_nothing_but_itself(app, receipt):
    answer = app.test_client().get(f"/r/{receipt['check_code']}")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert not re.findall(r"<script|<img|<link|<form|src=|href=|url\(|style=", answer.text)
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))


def test_the_page_is_everybodys_for_a_minute_and_the_same_from_the_cache(app, receipt):
    with app.app_context():
        get_cache().flush_db()
    made, kept = (app.test_client().get(f"/r/{receipt['check_code'].lower()}") for _ in range(2))
    assert [made.headers["X-Cache"], kept.headers["X-Cache"]] == ["MISS", "HIT"]
    for name in ("Cache-Control", "Content-Security-Policy", "Referrer-Policy", "ETag", "Content-Type"):
        assert made.headers[name] == kept.headers[name]
    assert made.headers["Cache-Control"] == "public, max-age=60"
    assert made.data == kept.data


def test_a_name_is_text_on_the_page(app, staff, fresh_cast):
    staff.ok("PATCH", f"/businesses/{fresh_cast.business_id}", {"name": "<script>alert(1)</script>"})
    code = fresh_cast.mark(fresh_cast.open_account(fresh_cast.funke))["check_code"]
    page = app.test_client().get(f"/r/{code}").text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_who_has_a_wrong_code_is_told_in_their_own_terms(app, receipt):
    path = f"/r/{receipt['check_code'][:-1]}"
    page = app.test_client().get(path, headers=A_BROWSER)
    assert (page.status_code, page.mimetype, page.headers["Cache-Control"]) == (404, "text/html", "no-store")
    assert "No such receipt" in page.text
    assert app.test_client().get(path).get_json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(0, "NGN", "0.00"), (123_456_705, "NGN", "1,234,567.05"), (-5, "GHS", "-0.05"), (1500, "XOF", "1,500")],
)
def test_amounts_are_written_as_people_write_them(amount, currency, text):
    assert shown(amount, currency) == text
