"""Verbs on businesses and units."""

import zoneinfo

from flask import current_app
from sqlalchemy import select, text

from blueprints.businesses import queries
from blueprints.businesses.models import Unit
from blueprints.businesses.rules import UnknownTimezone
from blueprints.settings.rules import OF_THE_BUSINESS, PUBLIC_PAGE, AccountKind
from blueprints.settings.services import open_settings
from blueprints.users.services import invite
from ofektom import audit, callers, facts, ledger, response_cache
from ofektom.caching import CacheKeys
from ofektom.database import apply, only, verb
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Business, Role


@verb
def open_business(*, actor: Actor | None, name: str, currency: str, timezone: str, admin: dict) -> dict:
    """Open a business with its settings, ledger accounts and first admin, who is invited.

    Returns {"business": ..., "admin": ...}. Raises UnknownTimezone, LoginNeeded, AlreadyMember.
    """
    _check_timezone(timezone)
    business = Business(name=name, currency=currency, timezone=timezone)
    db.session.add(business)
    db.session.flush()
    open_settings(business.id)
    ledger.open_accounts(business.id, [ledger.Account(kind) for kind in OF_THE_BUSINESS])
    ledger.open_accounts(business.id, [ledger.Account(AccountKind.PAYOUT_HOLD)], floor=0)
    first_admin, tell = invite(business_id=business.id, role=Role.ADMIN, **admin)
    facts = {"name": name, "currency": currency, "timezone": timezone, "admin_id": first_admin["id"]}
    opened = {"actor": actor, "business_id": business.id, "after": facts, "tell": [tell]}
    audit.record("businesses.opened", "business", business.id, **opened)
    return {"business": queries.business(business.id), "admin": first_admin}


def _check_timezone(timezone: str) -> None:
    """PostgreSQL keeps the business day, so it must know the zone, by a name: it also takes rules like "FOO5"."""
    known = text("SELECT 1 FROM pg_timezone_names WHERE name = :name")
    if timezone not in zoneinfo.available_timezones() or not db.session.scalar(known, {"name": timezone}):
        raise UnknownTimezone


@verb
def change_business(*, actor: Actor, business_id: int, changes: dict) -> dict:
    """Rename, deactivate or reactivate a business. A deactivated one refuses all its members. Raises NotFound."""
    business = db.session.get(Business, business_id, with_for_update=True, populate_existing=True)
    if business is None:
        raise NotFound
    before = apply(business, changes)
    minutes = current_app.config["ACCESS_TOKEN_MINUTES"] + 1
    callers.forget_businesses(*queries.people_at_work(business_id, minutes))
    facts.forget(CacheKeys.format(CacheKeys.BUSINESS, business_id=business_id))
    response_cache.forget(PUBLIC_PAGE.format(business_id))
    audit.record(
        "businesses.changed",
        "business",
        business_id,
        actor=actor,
        business_id=business_id,
        before=before,
        after=changes,
    )
    return queries.business(business_id)


@verb
def add_unit(*, actor: Actor, name: str) -> dict:
    """Add a unit. Raises UnitExists."""
    unit = Unit(business_id=actor.business_id, name=name, is_active=True)
    db.session.add(unit)
    db.session.flush()
    response_cache.forget(PUBLIC_PAGE.format(actor.business_id))
    audit.record("units.added", "unit", unit.id, actor=actor, after={"name": name})
    return _card(unit)


@verb
def change_unit(*, actor: Actor, unit_id: int, changes: dict) -> dict:
    """Rename, close or reopen a unit. Raises NotFound, UnitExists."""
    query = select(Unit).where(Unit.business_id == actor.business_id, Unit.id == unit_id).with_for_update()
    unit = only(query)
    before = apply(unit, changes)
    response_cache.forget(PUBLIC_PAGE.format(actor.business_id))
    audit.record("units.changed", "unit", unit_id, actor=actor, before=before, after=changes)
    return _card(unit)


def _card(unit: Unit) -> dict:
    return {column.name: getattr(unit, column.name) for column in queries.UNIT}
