"""Which of our queries needs which index. `tests/architecture/test_indexes.py` holds the planner to it.

Each query is one of ours, called as the service calls it, on the database of `tests/population.py`: business 1, its
admin, an agent, and people, accounts and rows of theirs. A slice may bring its own in `tests/blueprints/NAME/needs.py`:
`populate(connection)`, which fills its tables, and NEEDS and BY_CONSTRAINT, whose queries are functions of an actor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select

from blueprints.arrears import queries as unpaid
from blueprints.audit import queries as trail
from blueprints.auth import queries as sign_ins
from blueprints.auth import services as signing
from blueprints.commissions import queries as charges
from blueprints.commissions import services as charging
from blueprints.documents import queries as documents
from blueprints.documents.rules import Subject
from blueprints.expenses import queries as spending
from blueprints.expenses.models import ExpenseCard, ExpenseItem
from blueprints.figures import queries as figures
from blueprints.markings import queries as collecting
from blueprints.markings.models import Collection
from blueprints.notifications import queries as telling
from blueprints.notifications.rules import TOPICS
from blueprints.payments import queries as payments
from blueprints.savings import queries as savings
from blueprints.search import queries as searching
from blueprints.settings.rules import AccountKind
from blueprints.users import queries as users
from blueprints.users import services as people
from blueprints.webhooks import queries as programs
from ofektom import (
    audit,
    auth,
    callers,
    credentials,
    deliveries,
    freshness,
    idempotency,
    ledger,
    outbox,
    periods,
)
from ofektom.extensions import db
from ofektom.identity import Actor
from tests.brought import brought
from tests.cast import PIN
from tests.population import Size

SIZE = Size(businesses=4, accounts=4_000, days=14)
PLACE = {"timezone": "Africa/Lagos", "currency": "NGN"}
ADMIN = Actor(1, 1, False, 1, SIZE.member_id(0), "admin", **PLACE)
AGENT = Actor(SIZE.member_id(1), SIZE.member_id(1), False, 1, SIZE.member_id(1), "agent", **PLACE)
CUSTOMER_ID = SIZE.member_id(SIZE.staff + 1)
CUSTOMER = Actor(CUSTOMER_ID, CUSTOMER_ID, False, 1, CUSTOMER_ID, "customer", **PLACE)
UNIT_ID = SIZE.member_id(3)
ACCOUNT_ID = SIZE.account_id(SIZE.each * 6 // 10)  # in progress
BAG = ledger.Account(AccountKind.AGENT_CASH, AGENT.membership_id)
LATELY = date.today() - timedelta(days=4)
PHONE, EMAIL = f"+23480{CUSTOMER_ID:08d}", f"person{AGENT.user_id}@example.com"
NEWS = {"business_id": 1, "member_id": CUSTOMER_ID, "facts": {}}
FIRST = {"limit": 50, "cursor": None}
ANY_COMMISSION = {"agent_id": None, "account_id": None}


@dataclass(frozen=True)
class Query:
    """A query of ours: where it is in the code, with the filter in question, and a call of it."""

    name: str
    run: Callable[[], object]


def _listed(place: str, function: Callable, wanted: dict, actor: Actor = ADMIN, **unset) -> Query:
    """The first page of a list, filtered."""
    filters = ", ".join(f"{name}={value}" if isinstance(value, str) else f"{name}=" for name, value in wanted.items())
    who = "" if actor is ADMIN else f"as {actor.role}" + (", " if filters else "")
    name = f"{place}.queries.{function.__name__}({who}{filters})"
    return Query(name, lambda: function(actor, **FIRST, **unset | wanted))


def _members(actor: Actor = ADMIN, **wanted) -> Query:
    return _listed("users", users.members, wanted, actor)


def _accounts(actor: Actor = ADMIN, **wanted) -> Query:
    return _listed("savings", savings.accounts, wanted, actor)


def _collections(actor: Actor = ADMIN, **wanted) -> Query:
    return _listed("markings", collecting.collections, wanted, actor)


def _requests(actor: Actor = ADMIN, **wanted) -> Query:
    return _listed("payments", payments.requests, wanted, actor)


def _expenses(actor: Actor = ADMIN, **wanted) -> Query:
    return _listed("expenses", spending.expenses, wanted, actor, **({"since": None, "until": None} | wanted))


def _cards(actor: Actor = ADMIN, **wanted) -> Query:
    return _listed("expenses", spending.cards, wanted, actor, **({"customer_id": None} | wanted))


def _of_a_card(function: Callable, **more) -> Query:
    return Query(f"expenses.queries.{function.__name__}()", lambda: function(ADMIN, _latest_id(ExpenseCard), **more))


def _latest_id(model) -> int:
    return db.session.scalar(select(func.max(model.id)).where(model.business_id == 1))


def _commissions(actor: Actor = ADMIN, **wanted) -> Query:
    return _listed("commissions", charges.commissions, wanted, actor, **ANY_COMMISSION)


def _exported(subject: Subject, actor: Actor = ADMIN, **wanted) -> Query:
    """The first piece of an export."""
    filters = {"first": None, "last": None, "agent_id": None, "unit_id": None} | wanted
    name = ", ".join([subject, *(["as agent"] if actor is AGENT else []), *(f"{name}=" for name in wanted)])
    return Query(f"documents.queries.export({name})", lambda: next(documents.export(actor, subject, **filters)))


def _messages(**wanted) -> Query:
    return _listed("notifications", telling.messages, wanted, CUSTOMER, **({} if wanted else {"state": None}))


def _deliveries(**wanted) -> Query:
    return _listed("notifications", telling.deliveries, wanted)


def _events(**wanted) -> Query:
    names = ", ".join(f"{name}=" for name in wanted)
    return Query(f"audit.queries.events({names})", lambda: trail.events(1, **FIRST, **wanted))


def _latest_collection():
    return collecting.collection(ADMIN, _latest_id(Collection))


def _give_back():
    act = ledger.Act(1, LATELY, datetime.now(UTC), ADMIN.membership_id)
    return charging.give_back(charging.Occasion(act, ACCOUNT_ID, "test"), {1})


def _ask_what_changed():
    known = freshness.Changes()
    known._ask()
    known._ask()


def _change_secret():
    return signing.change_secret(actor=AGENT, current=PIN, new="a new and long passphrase")


def _caller():
    """The statement itself, for it does not go through SQLAlchemy, which would tell us of it."""
    names = {"user_id": CUSTOMER_ID, "session_id": CUSTOMER_ID}
    return db.session.connection().exec_driver_sql(callers._READ.text, names).all()


def _open_session():
    """The statement itself, for within a verb only its name is sent."""
    values = {"user_id": CUSTOMER_ID, "subject": "user:1", "version": 1, "lifetime": "1 day", "token_hash": "0" * 64}
    names = dict.fromkeys(signing._OPEN_SESSION.names) | values
    return db.session.connection().exec_driver_sql(signing._OPEN_SESSION.text, names).all()


def _latest_receipt():
    return collecting.receipt(_latest_collection()["check_code"])


def _report(place, function: Callable, *shape, actor: Actor = ADMIN, **wanted) -> Query:
    room = place.__name__.split(".")[1]
    about = [f"as {actor.role}"] if actor is not ADMIN else []
    about += [*map(repr, shape), *(f"{name}=" for name, value in wanted.items() if value and name != "limit")]
    return Query(f"{room}.queries.{function.__name__}({', '.join(about)})", lambda: function(actor, *shape, **wanted))


def _taken_in(group: str, actor: Actor = ADMIN, **wanted) -> Query:
    days = {"since": LATELY, "until": LATELY}
    return _report(figures, figures.collections, group, actor=actor, **{"collector_id": None} | days | wanted)


def _unpaid(function: Callable, actor: Actor = ADMIN, **wanted) -> Query:
    return _report(unpaid, function, actor=actor, **FIRST, **{"collector_id": None} | wanted)


def _search(q: str, actor: Actor = ADMIN) -> Query:
    who = "" if actor is ADMIN else f"as {actor.role}, "
    return Query(f"search.queries.search({who}q={q})", lambda: searching.search(actor, q=q, limit=20))


def _brought(query: tuple[str, Callable[[Actor], object]]) -> Query:
    """A query that a slice brings: its name, and the function that is called with an admin."""
    name, run = query
    return Query(name, lambda: run(ADMIN))


CALLER = Query("ofektom.callers.find()", _caller)
ROUTE = Query("markings.queries.route()", lambda: collecting.route(ADMIN, collector_id=None, **FIRST))
CARD = Query("savings.queries.card()", lambda: savings.card(ADMIN, ACCOUNT_ID))
COLLECTION = Query("markings.queries.collection()", _latest_collection)
BAG_STATEMENT = Query("ofektom.ledger.statement()", lambda: ledger.statement(1, BAG, **FIRST))
GIVE_BACK = Query("commissions.services.give_back()", _give_back)
DASHBOARD = Query("figures.queries.dashboard()", lambda: figures.dashboard(ADMIN))
PERIOD = Query(
    "commissions.queries.statement(since=, until=)",
    lambda: charges.statement(ADMIN, AGENT.membership_id, since=LATELY, until=LATELY, **FIRST),
)
OUTLAYS = Query(
    "expenses.queries.totals()", lambda: spending.totals(ADMIN, since=LATELY, until=LATELY, spender_id=None)
)
EARNED = _report(figures, figures.commissions, since=LATELY, until=LATELY)
SEALED = Query("ofektom.audit.broken_seals()", lambda: audit.broken_seals(1))
CHANGES = Query("ofektom.freshness.Changes.spare()", _ask_what_changed)
CHANGE_SECRET = Query("auth.services.change_secret()", _change_secret)

CALLS = Query("webhooks.queries.calls()", lambda: programs.calls(ADMIN, ADMIN.membership_id, **FIRST, state=None))
CLAIM = Query("ofektom.deliveries.claim()", lambda: deliveries.claim("sms"))
DEAD = Query("ofektom.deliveries.dead()", lambda: deliveries.dead(50))

NEEDS: dict[str, list[Query]] = {
    "ix_audit_events_business_id_action_id": [_events(action="savings.opened")],
    "ix_audit_events_business_id_membership_id_id": [_events(membership_id=CUSTOMER_ID)],
    "ix_audit_events_business_id_object_type_id": [_events(object_type="member")],
    "ix_audit_events_business_id_object_type_object_id_id": [
        _events(object_type="member", object_id=CUSTOMER_ID),
        _events(object_id=CUSTOMER_ID),
    ],
    "ix_audit_events_business_id_request_id": [_events(request_id="0" * 32)],
    "ix_audit_events_seal": [SEALED],
    "ix_audit_events_unsealed": [Query("ofektom.audit.seal()", lambda: audit.seal(1))],
    "ix_collections_business_id_account_id_id": [_collections(account_id=ACCOUNT_ID)],
    "ix_collections_business_id_collector_id_id": [_collections(collector_id=AGENT.membership_id)],
    "ix_collections_of_day": [
        _collections(collected_on=LATELY),
        _exported(Subject.COLLECTIONS, first=LATELY),
        *(_taken_in(group) for group in ("day", "unit", "agent")),
        DASHBOARD,
    ],
    "ix_commissions_business_id_account_id_id": [_commissions(account_id=ACCOUNT_ID)],
    "ix_commissions_business_id_agent_id_at": [PERIOD, EARNED],
    "ix_commissions_business_id_agent_id_id": [_commissions(agent_id=AGENT.membership_id)],
    "ix_deliveries_business_id_member_id_id": [_deliveries(member_id=CUSTOMER_ID)],
    "ix_deliveries_business_id_state_id": [_deliveries(state="dead")],
    "ix_deliveries_business_id_target_id_id": [CALLS],
    "ix_deliveries_due": [CLAIM],
    "ix_deliveries_ended_at": [DEAD, Query("ofektom.deliveries.forget()", deliveries.forget)],
    "ix_deliveries_lane": [CLAIM],
    "ix_expense_card_incomes_business_id_card_id_id": [_of_a_card(spending.incomes, **FIRST)],
    "ix_expense_cards_business_id_customer_id_id": [_cards(customer_id=CUSTOMER_ID)],
    "ix_expense_items_business_id_card_id_id": [
        _of_a_card(spending.card),
        _of_a_card(spending.items, **FIRST, status=None, category=None),
    ],
    "ix_expenses_business_id_business_day_id": [OUTLAYS],
    "ix_expenses_business_id_spender_id_id": [_expenses(spender_id=AGENT.membership_id)],
    "ix_expenses_business_id_status_id": [_expenses(status="requested")],
    "ix_fact_changes_at": [CHANGES],
    "ix_fact_changes_xid": [CHANGES],
    "ix_idempotency_keys_created_at": [Query("ofektom.idempotency.forget()", lambda: idempotency.forget(30))],
    "ix_ledger_postings_business_id_destination_id_id": [BAG_STATEMENT],
    "ix_ledger_postings_business_id_entry_id": [Query("ofektom.ledger.reversal()", GIVE_BACK.run)],
    "ix_ledger_postings_business_id_source_id_id": [BAG_STATEMENT],
    "ix_markings_business_id_collection_id": [COLLECTION, _collections(AGENT)],
    "ix_memberships_business_id_parent_id": [
        _members(parent_id=AGENT.membership_id),
        _accounts(AGENT),
        _accounts(collector_id=AGENT.membership_id),
    ],
    "ix_memberships_business_id_phone": [_search(f"0{PHONE[4:]}")],
    "ix_memberships_name_words": [_search("person 39")],
    "ix_memberships_business_id_role_id": [_members(role="agent")],
    "ix_memberships_business_id_status_id": [_members(status="invited"), _members(status="deactivated")],
    "ix_memberships_business_id_unit_id_id": [_members(unit_id=UNIT_ID)],
    "ix_memberships_user_id": [
        CALLER,
        Query("auth.services.log_in()", _open_session),
        Query("auth.queries.is_admin_anywhere()", lambda: sign_ins.is_admin_anywhere(CUSTOMER_ID)),
    ],
    "ix_messages_business_id_member_id_id": [_messages()],
    "ix_messages_unread": [
        _messages(state="unread"),
        Query("notifications.queries.unread()", lambda: telling.unread(CUSTOMER)),
    ],
    "ix_outbox_id": [Query("ofektom.outbox.pass_on()", lambda: outbox.pass_on([], most=10))],
    "ix_payment_requests_business_id_account_id_id": [_requests(account_id=ACCOUNT_ID)],
    "ix_payment_requests_business_id_customer_id_id": [_requests(customer_id=CUSTOMER_ID)],
    "ix_payment_requests_business_id_status_id": [_requests(status="requested"), _requests(status="approved")],
    "ix_refresh_tokens_session_id": [CHANGE_SECRET],
    "ix_savings_accounts_business_id_customer_id": [
        _accounts(customer_id=CUSTOMER_ID),
        _accounts(collector_id=AGENT.membership_id),
    ],
    "ix_savings_accounts_business_id_kind_id": [_accounts(kind="target")],
    "ix_savings_accounts_business_id_state_id": [_accounts(state="completed"), _accounts(state="not_started")],
    "ix_savings_accounts_open": [ROUTE],
    "ix_savings_terms_business_id_account_id_id": [CARD, _accounts()],
    "ix_sessions_user_id_id": [Query("auth.queries.sessions_of()", lambda: sign_ins.sessions_of(CUSTOMER_ID))],
}

# These find what they want by a key or a unique index; what is asserted is that none reads a large table through.
BY_CONSTRAINT = [
    _members(),
    _members(AGENT),
    _members(role="customer"),
    _members(search="Person 39"),
    _accounts(tracking_number="0000000000"),
    _accounts(reference="0"),
    _listed("payments", payments.payment_accounts, {"customer_id": CUSTOMER_ID}),
    _listed("payments", payments.payment_accounts, {}, customer_id=None),
    _collections(),
    _unpaid(unpaid.arrears, as_of=None),
    _unpaid(unpaid.arrears, AGENT, as_of=None),
    _unpaid(unpaid.arrears, collector_id=AGENT.membership_id, as_of=None),
    Query("arrears.queries.progress()", lambda: unpaid.progress(ADMIN, cursor=None)),
    Query("arrears.queries.progress(as agent)", lambda: unpaid.progress(AGENT, cursor=None)),
    Query("users.queries.names()", lambda: users.names(ADMIN, {CUSTOMER_ID, UNIT_ID})),
    Query("ofektom.auth.renew_access()", lambda: auth.renew_access(callers.Claims(CUSTOMER_ID, CUSTOMER_ID, 1, 0.0))),
    _unpaid(unpaid.dormant, days=30),
    _unpaid(unpaid.dormant, AGENT, days=30),
    Query("arrears.queries.to_reckon()", unpaid.to_reckon),
    Query("arrears.queries.piece()", lambda: db.session.execute(unpaid.piece(ADMIN, 0, 2000), {"as_of": LATELY})),
    _taken_in("agent", collector_id=AGENT.membership_id),
    _taken_in("day", AGENT),
    _report(figures, figures.cash, **FIRST),
    _report(figures, figures.cash, actor=AGENT, **FIRST),
    Query("figures.queries.platform()", lambda: figures.platform(ADMIN, **FIRST)),
    _search("person 39", AGENT),
    _search("0000000000"),
    _requests(),
    _requests(AGENT),
    _commissions(),
    _commissions(AGENT),
    _expenses(),
    _expenses(AGENT),
    _expenses(category="levies"),
    _expenses(since=LATELY, until=LATELY),
    _cards(),
    _cards(AGENT),
    Query("expenses.queries.item()", lambda: spending.item(ADMIN, _latest_id(ExpenseItem))),
    Query("expenses.queries.paid_account()", lambda: spending.paid_account(ADMIN, ACCOUNT_ID)),
    _events(),
    GIVE_BACK,
    _deliveries(),
    Query("notifications.queries.audience()", lambda: telling.audience(NEWS, TOPICS["payments.requested"])),
    Query("notifications.queries.wishes()", lambda: telling.wishes(CUSTOMER)),
    Query("markings.queries.receipt()", _latest_receipt),
    *(_exported(subject, actor) for subject in Subject for actor in (ADMIN, AGENT)),
    Query("ofektom.periods.totals()", lambda: periods.totals(1, BAG, ledger.Period(LATELY, LATELY))),
    Query("auth.queries.attempt()", lambda: sign_ins.attempt("phone", PHONE, "login:0")),
    Query("ofektom.auth.load_actor()", lambda: auth.load_actor(CUSTOMER_ID, CUSTOMER_ID, 1)),
    Query("ofektom.credentials.spend_guess()", lambda: credentials.spend_guess("user:1")),
    Query("users.queries.invitation()", lambda: users.invitation("0" * 64)),
    Query("users.queries.users()", lambda: users.users(**FIRST)),
    Query(
        "users.services.add_member()",
        lambda: people._find_or_create_user("Efe", {"phone": PHONE, "email": None, "username": None}),
    ),
]

for bringing in brought("needs"):
    NEEDS |= {index: [_brought(query) for query in queries] for index, queries in bringing.NEEDS.items()}
    BY_CONSTRAINT += [_brought(query) for query in bringing.BY_CONSTRAINT]
