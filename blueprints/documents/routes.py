"""/exports of rows as CSV, statements as CSV and PDF, receipts as PDF, and /r/{code}, a page to check a receipt on."""

from pathlib import Path

from flask import render_template, request
from markupsafe import Markup

from blueprints.documents import queries, schemas, services
from blueprints.documents.rules import COLUMNS, STATEMENT, Subject, TooLong, receipt_facts, statement_rows
from blueprints.markings.queries import receipt
from ofektom import csv_stream, http, pdf
from ofektom.auth import PUBLIC
from ofektom.errors import NotFound
from ofektom.examples import Example
from ofektom.money import priced
from ofektom.schemas import PeriodIn
from ofektom.views import OtherAnswer, Slice

bp = Slice("documents", __name__, root="", template_folder="templates")

A_MINUTE = 60
PAGE = http.Page((Path(__file__).parent / "templates" / "receipt.css").read_text())
HTML = "text/html"
AS_HTML = [OtherAnswer(200, HTML), OtherAnswer(404, HTML)]
AS_PDF = [OtherAnswer(200, pdf.MEDIA_TYPE)]
LINES = [
    pdf.Column("Day", 22),
    pdf.Column("What", 40),
    pdf.Column("Reference", 66),
    pdf.Column("Amount", 31, right=True),
    pdf.Column("Balance", 31, right=True),
]

AS_CSV = [OtherAnswer(200, csv_stream.MEDIA_TYPE)]
EXPORT = {"access": "documents.export", "status": 200, "body": schemas.ExportIn(), "other_answers": AS_CSV}


def _export(actor, subject, *, bom, **filters):
    """Note who takes what, then send it."""
    services.note_export(actor=actor, subject=subject, **filters)
    return csv_stream.answer(subject, COLUMNS[subject], queries.export(actor, subject, **filters), bom=bom)


@bp.post("/api/v1/exports/collections.csv", **EXPORT)
def export_collections(actor, body):
    """Collections you may see with the slots they paid, by their day, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.COLLECTIONS, **body)


@bp.post("/api/v1/exports/commissions.csv", **EXPORT)
def export_commissions(actor, body):
    """Commissions of the collectors you may see, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.COMMISSIONS, **body)


@bp.post("/api/v1/exports/customers.csv", **EXPORT)
def export_customers(actor, body):
    """Customers you may see with what they have saved, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.CUSTOMERS, **body)


@bp.post("/api/v1/exports/payments.csv", **EXPORT)
def export_payments(actor, body):
    """Payment requests you may see, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.PAYMENTS, **body)


@bp.get(
    "/api/v1/savings/<id:account_id>/statement.csv", access="documents.read", query=PeriodIn(), other_answers=AS_CSV
)
def statement_csv(actor, account_id, query):
    """The statement of a savings account between two business days as CSV, oldest first, opening to closing balance."""
    return csv_stream.answer(f"statement-{account_id}", STATEMENT, queries.statement(actor, account_id, **query))


@bp.get(
    "/api/v1/savings/<id:account_id>/statement.pdf",
    access="documents.read",
    query=PeriodIn(),
    errors=[TooLong],
    other_answers=AS_PDF,
)
def statement_pdf(actor, account_id, query):
    """The statement of a savings account between two business days as PDF, oldest first; 500 lines at most."""
    account, business, lines = queries.printable_statement(actor, account_id, **query)
    facts = [("Customer", account["customer_name"]), ("Account", account["tracking_number"])]
    facts += [("Days", f"{query['first'] or '…'} to {query['last'] or '…'}"), ("Currency", actor.currency)]
    return pdf.table(business, facts, LINES, statement_rows(lines, actor.currency))


@bp.get("/api/v1/collections/<id:collection_id>/receipt.pdf", access="documents.read", other_answers=AS_PDF)
def receipt_pdf(actor, collection_id):
    """The receipt of a collection as PDF: a page of 80 mm, with a QR code of where to check it."""
    collection, account, business = queries.receipt(actor, collection_id)
    address = f"{request.host_url}r/{collection['check_code']}"
    facts = receipt_facts(collection, account, actor.currency)
    return pdf.slip(business, facts, address=address, notes=["Check this receipt at", address])


@bp.get(
    "/r/<check_code>",
    access=PUBLIC,
    public_for=A_MINUTE,
    other_answers=AS_HTML,
    example=Example(path={"check_code": "3233-2222-2222-2222"}, refused=NotFound, why="the code is a receipt's own"),
)
def receipt_page(check_code):
    """What the receipt with this code vouches for, as a page for people. A reversal may show a minute late."""
    try:
        found = receipt(check_code)
    except NotFound:
        return _no_such_receipt()
    amount = priced(found["amount"], found["currency"])
    html = render_template("receipt.html", style=Markup(PAGE.style), receipt=found, amount=amount)  # noqa: S704 - our own constant
    return PAGE.answer(200, html)


def _no_such_receipt():
    """A page for who reads pages, a problem document for everybody else."""
    if http.preferred_type(["application/problem+json", HTML]) != HTML:
        raise NotFound
    response = PAGE.answer(404, render_template("receipt.html", style=Markup(PAGE.style), receipt=None))  # noqa: S704 - our own constant
    response.vary.add("Accept")
    return response
