"""Reads of the audit trail."""

from sqlalchemy import select

from ofektom import paging
from ofektom.audit import AuditEvent

COLUMNS = (
    AuditEvent.id,
    AuditEvent.user_id,
    AuditEvent.membership_id,
    AuditEvent.action,
    AuditEvent.object_type,
    AuditEvent.object_id,
    AuditEvent.before,
    AuditEvent.after,
    AuditEvent.request_id,
    AuditEvent.at,
)


def events(business_id: int, *, limit: int, cursor: str | None, **filters) -> dict:
    """A page of a business's events, newest first, filtered by any column of the event's row."""
    query = select(*COLUMNS).where(AuditEvent.business_id == business_id)
    for name, value in filters.items():
        if value is not None:
            query = query.where(getattr(AuditEvent, name) == value)
    return paging.page(query, AuditEvent.id, limit=limit, cursor=cursor, newest_first=True)
