"""The search, within the caller's sight, by one statement."""

from sqlalchemy import Integer, Select, and_, bindparam, func, select, union
from sqlalchemy.dialects.postgresql import aggregate_order_by

from blueprints.savings.models import SavingsAccount
from blueprints.savings.queries import ITS_CUSTOMER, ITS_MONEY
from blueprints.search.rules import has_letters, phones, tracking_numbers
from blueprints.users.queries import in_sight
from ofektom import plain
from ofektom.identity import Actor, Membership, Role
from ofektom.ledger import LedgerAccount

# So many of those that fit are put in order; what begins the names of more is answered with some of them.
MOST_CANDIDATES = 500
MOST_ACCOUNTS = 10
CUSTOMER = (Membership.id, Membership.full_name, Membership.phone, Membership.status, Membership.parent_id)


def _candidates(actor: Actor, way: str) -> Select:
    """The ids of the customers in sight that are found in one of the ways."""
    query = select(Membership.id).where(in_sight(actor), Membership.role == Role.CUSTOMER).limit(MOST_CANDIDATES)
    if way == "name":
        words = func.name_words(Membership.business_id, Membership.full_name)
        return query.where(words.op("@@")(func.name_sought(actor.business_id, bindparam("name"))))
    if way == "phone":
        return query.where(Membership.phone.between(bindparam("first_phone"), bindparam("last_phone")))
    number = SavingsAccount.tracking_number.between(bindparam("first_number"), bindparam("last_number"))
    return query.join(SavingsAccount, ITS_CUSTOMER).where(SavingsAccount.business_id == actor.business_id, number)


def _accounts_of(customer):
    """The latest accounts of a customer, newest first, as JSON."""
    names = ("id", "tracking_number", "kind", "label", "state")
    latest = (
        select(*(getattr(SavingsAccount, name) for name in names), LedgerAccount.balance)
        .join(LedgerAccount, ITS_MONEY)
        .where(SavingsAccount.business_id == customer.c.business_id, SavingsAccount.customer_id == customer.c.id)
        .order_by(SavingsAccount.id.desc())
        .limit(MOST_ACCOUNTS)
        .correlate(customer)
        .subquery("latest")
    )
    pairs = [part for column in latest.c for part in (column.name, column)]
    rows = func.json_agg(aggregate_order_by(func.json_build_object(*pairs), latest.c.id.desc()))
    return select(func.coalesce(rows, func.json_build_array())).scalar_subquery().label("accounts")


@plain.prepared
def _found(actor: Actor, ways: tuple[str, ...]) -> Select:
    found = union(*(select(_candidates(actor, way).subquery().c.id) for way in ways)).subquery("found")
    named = and_(Membership.business_id == actor.business_id, Membership.id == found.c.id)
    customers = select(Membership.business_id, *CUSTOMER).join(found, named)
    customers = customers.order_by(Membership.full_name, Membership.id).limit(bindparam("most", type_=Integer))
    customer = customers.subquery("customer")
    return select(customer, _accounts_of(customer)).order_by(customer.c.full_name, customer.c.id)


def search(actor: Actor, *, q: str, limit: int) -> dict:
    """The customers in the actor's sight whose name has words that begin as those of `q`, or whose phone or one of
    whose tracking numbers begins as it; by name, at most `limit`, each with their latest accounts.
    """
    values = {"name": q if has_letters(q) else None}
    for number, limits in (("phone", phones(q)), ("number", tracking_numbers(q))):
        values[number] = limits
    ways = tuple(way for way, value in values.items() if value)
    if not ways:
        return {"items": []}
    given = {"name": values["name"]} if values["name"] else {}
    for way in set(ways) - {"name"}:
        given[f"first_{way}"], given[f"last_{way}"] = values[way]
    return {"items": _found(actor, ways, most=limit, **given)}
