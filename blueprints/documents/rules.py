"""Which columns each file has: a name once given stays, and new ones are added at the end."""

from collections.abc import Iterable
from enum import StrEnum

from ofektom.errors import Problem
from ofektom.money import priced, shown

_AGENT = ("agent_id", "agent_name", "agent_unit_id")
_CUSTOMER = ("customer_id", "customer_name")
_ACCOUNT = ("account_id", "tracking_number")


class Subject(StrEnum):
    COLLECTIONS = "collections"
    COMMISSIONS = "commissions"
    CUSTOMERS = "customers"
    PAYMENTS = "payments"


# Amounts are in minor units of the currency, as in every answer.
COLUMNS: dict[str, tuple[str, ...]] = {
    Subject.COLLECTIONS: (
        "id",
        "collected_on",
        "at",
        *_AGENT,
        *_CUSTOMER,
        *_ACCOUNT,
        "method",
        "currency",
        "amount",
        "credit_change",
        "slots",
        "slot_dates",
        "status",
        "reversed_at",
        "reversal_reason",
        "receipt_number",
    ),
    Subject.COMMISSIONS: (
        "id",
        "at",
        *_AGENT,
        *_ACCOUNT,
        "cycle",
        "currency",
        "agent_amount",
        "business_amount",
        "status",
    ),
    Subject.CUSTOMERS: (
        "id",
        "joined_at",
        "full_name",
        "phone",
        "status",
        "unit_id",
        *_AGENT,
        "accounts",
        "currency",
        "balance",
    ),
    Subject.PAYMENTS: (
        "id",
        "requested_at",
        *_AGENT,
        *_CUSTOMER,
        *_ACCOUNT,
        "currency",
        "amount",
        "method",
        "status",
        "requested_by_id",
        "decided_by_id",
        "decided_at",
        "paid_by_id",
        "paid_at",
        "bank_reference",
        "reason",
    ),
}
STATEMENT = ("business_day", "at", "kind", "reference", "counterpart", "currency", "amount", "balance")
# Lines of a statement that is printed: 11 pages, and about a second of a processor.
MOST_LINES = 500


class TooLong(Problem):
    code, status = "documents.too_long", 422
    title = "That is too much for a PDF; ask for fewer days, or for CSV"


def receipt_facts(collection: dict, account: dict, currency: str) -> list[tuple[str, str]]:
    """What a receipt says, as labels and texts."""
    slots = [str(slot["date"]) for slot in collection["slots"]]
    facts = [
        ("Receipt", f"{collection['number']} of collector {collection['collector_id']}"),
        ("Customer", account["customer_name"]),
        ("Account", account["tracking_number"]),
        ("Cash taken", priced(collection["amount"], currency)),
        ("Days paid", f"{len(slots)}: {', '.join(slots)}" if slots else "none"),
        ("Day", str(collection["collected_on"])),
        ("Code", collection["check_code"]),
    ]
    if collection["reversed_at"] is not None:
        facts.insert(0, ("REVERSED", f"on {collection['reversed_at'].date()}; it no longer counts"))
    return facts


def statement_rows(lines: Iterable[dict], currency: str) -> list[tuple[str, ...]]:
    """The lines of a statement as they are printed: day, what, reference, amount, balance."""
    return [
        (
            str(line["business_day"] or ""),
            line["kind"],
            line["reference"] or "",
            "" if line["amount"] is None else shown(line["amount"], currency),
            shown(line["balance"], currency),
        )
        for line in lines
    ]
