"""/exports of rows and statements as CSV."""

from blueprints.documents import queries, schemas, services
from blueprints.documents.rules import COLUMNS, STATEMENT, Subject
from ofektom import csv_stream
from ofektom.schemas import PeriodIn
from ofektom.views import OtherAnswer, Slice

bp = Slice("documents", __name__)

AS_CSV = [OtherAnswer(200, csv_stream.MEDIA_TYPE)]
EXPORT = {"access": "documents.export", "status": 200, "body": schemas.ExportIn(), "other_answers": AS_CSV}


def _export(actor, subject, *, bom, **filters):
    """Note who takes what, then send it."""
    services.note_export(actor=actor, subject=subject, **filters)
    return csv_stream.answer(subject, COLUMNS[subject], queries.export(actor, subject, **filters), bom=bom)


@bp.post("/exports/collections.csv", **EXPORT)
def export_collections(actor, body):
    """Collections you may see with the slots they paid, by their day, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.COLLECTIONS, **body)


@bp.post("/exports/commissions.csv", **EXPORT)
def export_commissions(actor, body):
    """Commissions of the collectors you may see, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.COMMISSIONS, **body)


@bp.post("/exports/customers.csv", **EXPORT)
def export_customers(actor, body):
    """Customers you may see with what they have saved, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.CUSTOMERS, **body)


@bp.post("/exports/payments.csv", **EXPORT)
def export_payments(actor, body):
    """Payment requests you may see, as CSV. Who exports is in the audit trail."""
    return _export(actor, Subject.PAYMENTS, **body)


@bp.get("/savings/<id:account_id>/statement.csv", access="documents.read", query=PeriodIn(), other_answers=AS_CSV)
def statement_csv(actor, account_id, query):
    """The statement of a savings account between two business days as CSV, oldest first, opening to closing balance."""
    return csv_stream.answer(f"statement-{account_id}", STATEMENT, queries.statement(actor, account_id, **query))
