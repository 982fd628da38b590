"""Which columns each file has: a name once given stays, and new ones are added at the end."""

from enum import StrEnum

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
