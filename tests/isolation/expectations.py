"""What every endpoint expects: who may call it, what names a thing in its request, what a good request looks like.

The matrix fails for an endpoint that is not here, and for an entry here that is no endpoint.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from blueprints.ops.routes import ASSETS
from tests.isolation.people import Persona
from tests.isolation.world import World
from tests.sheets import row, sheet

NOT_FOUND = (404, "not_found")
NOTHING = (200, None)  # a filter by something out of sight is a page without items
PLATFORM = "super_admin"
ADMIN = "admin"
STAFF = "admin agent sub_agent"
MEMBERS = "admin agent sub_agent customer"
SIGNED_IN = "signed_in"
PUBLIC = "public"
OPERATOR = "operator"


@dataclass(frozen=True)
class Reference:
    """A place of a request that names a thing of `kind`, and the answer when that thing is out of sight.

    `refusal_by_role` says where a role is answered otherwise; `beside` are body fields that go along.
    """

    place: str
    name: str
    kind: str
    refusal: tuple[int, str | None] = NOT_FOUND
    refusal_by_role: dict[str, tuple[int, str]] = field(default_factory=dict)
    beside: dict = field(default_factory=dict)
    optional: bool = False

    def refused(self, role: str | None) -> tuple[int, str | None]:
        return self.refusal_by_role.get(role, self.refusal)


@dataclass(frozen=True)
class Asked:
    """What a body is made from: who asks, in which world, and the things the request names."""

    world: World
    persona: Persona
    things: dict


@dataclass(frozen=True)
class Expected:
    """`lists` is the kind of thing whose ids the items of the answer carry; `headers` go along with a request.

    `file` makes a body that is no JSON, of the media type that the view declares.
    """

    roles: str
    references: tuple[Reference, ...] = ()
    body: Callable[[Asked], dict] | dict | None = None
    path: dict = field(default_factory=dict)
    query: dict = field(default_factory=dict)
    lists: str | None = None
    file: Callable[[Asked], bytes] | None = None
    headers: Callable[[World], dict] = lambda world: {}

    def make_body(self, asked: Asked) -> dict | None:
        return self.body(asked) if callable(self.body) else self.body


def path(name: str, kind: str, **more) -> Reference:
    return Reference("path", name, kind, **more)


def in_body(name: str, kind: str, status: int, code: str, **more) -> Reference:
    return Reference("body", name, kind, (status, code), **more)


def filtered_by(name: str, kind: str) -> Reference:
    return Reference("query", name, kind, NOTHING, optional=True)


def day(ahead: int) -> str:
    return (date.today() + timedelta(days=ahead)).isoformat()


ACCOUNT = path("account_id", "account")
REASON = {"reason": "Asked for by the customer"}
PLAN = {"kind": "daily", "contribution": 50_000}
BANK = {"bank_code": "100004", "account_number": "5550001112", "account_name": "Somebody"}
OF_AN_ACCOUNT = {"object_type": "savings_account"}
FILTERS_OF_AUDIT = (filtered_by("object_id", "account"), filtered_by("membership_id", "collector"))
PARENT = in_body(
    "parent_id",
    "collector",
    422,
    "members.wrong_parent",
    refusal_by_role={"agent": (403, "members.not_yours"), "sub_agent": (403, "members.not_yours")},
)
UNIT = in_body("unit_id", "unit", 422, "members.unknown_unit", optional=True)
PAYMENT_ACCOUNT = in_body(
    "payment_account_id",
    "payment_account",
    422,
    "payments.unknown_account",
    beside={"method": "transfer"},
    optional=True,
)


def change_secret(asked: Asked) -> dict:
    return {"current": asked.persona.secret, "new": "an even longer passphrase"}


def login(asked: Asked) -> dict:
    passerby = asked.world.home.cast.passerby
    return {"login": passerby.phone, "secret": passerby.secret}


def refresh(asked: Asked) -> dict:
    return {"refresh_token": asked.world.home.cast.passerby.spare_tokens["refresh_token"]}


def accept(asked: Asked) -> dict:
    return {"token": asked.world.home.invitation_token, "secret": "739154"}


def refuse(asked: Asked) -> dict:
    return {"token": asked.world.home.invitation_token}


def code(asked: Asked) -> dict:
    return {"code": asked.world.codes.get(asked.things["request_id"], "123456")}


def cards_of_all_agents(asked: Asked) -> bytes:
    """A card for every agent of both businesses: an admin may fill only their own agents' bags."""
    world = asked.world
    own = {"away": [world.away], "home": [world.home]}.get(asked.persona.business, [world.home, world.away])
    agents = [agent for house in own for agent in (house.cast.chidi, house.cast.dupe)]
    return sheet(*(row(agent) for agent in agents))


# What is out of sight leaves nothing but the line of columns.
EXPORT = Expected(
    STAFF,
    (
        Reference("body", "agent_id", "collector", NOTHING, optional=True),
        Reference("body", "unit_id", "unit", NOTHING, optional=True),
    ),
    body={"from": day(-30)},
)


def signed_nothing(world: World) -> dict:
    """A report of the SMS carrier that says nothing."""
    key = world.app.config["TERMII_SECRET_KEY"].encode()
    return {"X-Termii-Signature": hmac.new(key, b"", hashlib.sha512).hexdigest()}


WEBHOOK = path("webhook_id", "webhook")
SPENDER = filtered_by("spender_id", "collector")
SPENT = {"amount": 1_000, "category": "fuel", "note": "Petrol"}
CARD = path("card_id", "expense_card")
INCOME = {"amount": 1_000, "source": "Salary"}
ITEM = {"name": "Rice", "category": "food", "amount": 1_000}
OPENED = {"name": "Newly Opened", "admin": {"full_name": "New Admin", "username": "new-admin"}}

BY_COLLECTOR = (filtered_by("collector_id", "collector"),)

EXPECTED: dict[str, Expected] = {
    "arrears.arrears": Expected(STAFF, BY_COLLECTOR, query={"as_of": day(5)}),
    "arrears.dormant": Expected(STAFF, BY_COLLECTOR, query={"days": 1}),
    "audit.events": Expected(ADMIN, FILTERS_OF_AUDIT, query=OF_AN_ACCOUNT),
    "audit.platform_events": Expected(PLATFORM, FILTERS_OF_AUDIT, query=OF_AN_ACCOUNT),
    "auth.change_secret": Expected(SIGNED_IN, body=change_secret),
    "auth.end_session": Expected(SIGNED_IN, (path("session_id", "session"),)),
    "auth.login": Expected(PUBLIC, body=login),
    "auth.logout": Expected(SIGNED_IN),
    "auth.logout_all": Expected(SIGNED_IN),
    "auth.me": Expected(SIGNED_IN),
    "auth.refresh": Expected(PUBLIC, body=refresh),
    "auth.sessions": Expected(SIGNED_IN),
    "auth.switch_business": Expected(
        SIGNED_IN, (in_body("business_id", "workplace", 404, "auth.not_a_member"),), body={}
    ),
    "businesses.add_unit": Expected(ADMIN, body={"name": "New Market"}),
    "businesses.business": Expected(PLATFORM, (path("business_id", "business"),)),
    "businesses.businesses": Expected(PLATFORM, lists="business"),
    "businesses.change_business": Expected(
        PLATFORM, (path("business_id", "business"),), body={"name": "Renamed", "is_active": False}
    ),
    "businesses.change_unit": Expected(ADMIN, (path("unit_id", "unit"),), body={"name": "Renamed"}),
    "businesses.open_business": Expected(PLATFORM, body=OPENED),
    "businesses.own_business": Expected(MEMBERS),
    "businesses.public_page": Expected(PUBLIC, (path("business_id", "public_page"),)),
    "businesses.units": Expected(STAFF, lists="unit"),
    "commissions.commissions": Expected(
        STAFF, (filtered_by("agent_id", "collector"), filtered_by("account_id", "account"))
    ),
    "commissions.statement": Expected(
        STAFF, (path("agent_id", "collector"),), query={"since": day(-30), "until": day(1)}
    ),
    "documents.export_collections": EXPORT,
    "documents.export_commissions": EXPORT,
    "documents.export_customers": EXPORT,
    "documents.export_payments": EXPORT,
    "documents.receipt_page": Expected(PUBLIC, (path("check_code", "receipt"),)),
    "documents.receipt_pdf": Expected(MEMBERS, (path("collection_id", "collection"),)),
    "documents.statement_csv": Expected(MEMBERS, (ACCOUNT,)),
    "documents.statement_pdf": Expected(MEMBERS, (ACCOUNT,)),
    "expenses.add_item": Expected(MEMBERS, (CARD,), body=ITEM),
    "expenses.approve": Expected(ADMIN, (path("expense_id", "spend_requested"),)),
    "expenses.card": Expected(MEMBERS, (CARD,)),
    "expenses.cards": Expected(MEMBERS, (filtered_by("customer_id", "customer"),), lists="expense_card"),
    "expenses.expense": Expected(STAFF, (path("expense_id", "spend"),)),
    "expenses.expenses": Expected(STAFF, (SPENDER,), lists="spend"),
    "expenses.incomes": Expected(MEMBERS, (CARD,)),
    "expenses.items": Expected(MEMBERS, (CARD,)),
    "expenses.open_card": Expected(
        MEMBERS,
        (in_body("customer_id", "customer_kept", 422, "savings.not_a_customer"),),
        body=INCOME | {"name": "Budget"},
    ),
    "expenses.open_card_of_account": Expected(
        MEMBERS, (path("account_id", "account_paid_out"),), body={"name": "Budget"}
    ),
    "expenses.reject": Expected(ADMIN, (path("expense_id", "spend_requested"),), body=REASON),
    "expenses.remove_item": Expected(MEMBERS, (path("item_id", "expense_item"),)),
    "expenses.reverse": Expected(ADMIN, (path("expense_id", "spend"),), body=REASON),
    "expenses.spend": Expected(STAFF, body=SPENT),
    "expenses.spend_item": Expected(MEMBERS, (path("item_id", "expense_item"),), body={"amount": 900}),
    "expenses.top_up": Expected(MEMBERS, (CARD,), body=INCOME),
    "expenses.totals": Expected(STAFF, (SPENDER,), query={"since": day(-30), "until": day(1)}),
    "figures.cash": Expected(STAFF),
    "figures.collections_by_agent": Expected(STAFF, BY_COLLECTOR),
    "figures.collections_by_day": Expected(STAFF, BY_COLLECTOR),
    "figures.collections_by_unit": Expected(STAFF, BY_COLLECTOR),
    "figures.commissions": Expected(STAFF, query={"since": day(-30), "until": day(1)}),
    "figures.dashboard": Expected(ADMIN),
    "figures.platform": Expected(PLATFORM),
    "imports.add": Expected(ADMIN, file=cards_of_all_agents),
    "imports.faults": Expected(ADMIN, file=cards_of_all_agents),
    "imports.imports": Expected(ADMIN, lists="import"),
    "imports.template": Expected(ADMIN),
    "markings.check_receipt": Expected(PUBLIC, (path("check_code", "receipt"),)),
    "markings.collect": Expected(STAFF, (ACCOUNT,), body={"days": 1}),
    "markings.collection": Expected(MEMBERS, (path("collection_id", "collection"),)),
    "markings.collections": Expected(
        MEMBERS, (filtered_by("account_id", "account"), filtered_by("collector_id", "collector")), lists="collection"
    ),
    "markings.reverse": Expected(STAFF, (path("collection_id", "collection"),), body=REASON),
    "markings.route": Expected(STAFF, (filtered_by("collector_id", "collector"),)),
    "notifications.change_preferences": Expected(MEMBERS, body={"email": True}),
    "notifications.deliveries": Expected(ADMIN, (filtered_by("member_id", "member"),), lists="delivery"),
    "notifications.mark_all_read": Expected(MEMBERS),
    "notifications.mark_read": Expected(MEMBERS, (path("message_id", "message"),)),
    "notifications.messages": Expected(MEMBERS, lists="message"),
    "notifications.preferences": Expected(MEMBERS),
    "notifications.take_sms_report": Expected(PUBLIC, headers=signed_nothing),
    "notifications.unread_count": Expected(MEMBERS),
    "ops.docs": Expected(PUBLIC),
    "ops.docs_asset": Expected(PUBLIC, path={"version": ASSETS.version, "name": "swagger-ui.css"}),
    "ops.health": Expected(OPERATOR),
    "ops.live": Expected(PUBLIC),
    "ops.numbers": Expected(OPERATOR),
    "ops.openapi_document": Expected(PUBLIC),
    "ops.ready": Expected(PUBLIC),
    "payments.add_payment_account": Expected(
        MEMBERS, (in_body("customer_id", "customer", 422, "savings.not_a_customer"),), body=BANK
    ),
    "payments.approve": Expected(ADMIN, (path("request_id", "request"),)),
    "payments.cancel": Expected(MEMBERS, (path("request_id", "request_of_collector"),), body=REASON),
    "payments.fail": Expected(ADMIN, (path("request_id", "request_to_pay_transfer"),), body=REASON),
    "payments.list_banks": Expected(PUBLIC),
    "payments.make_code": Expected("customer", (path("request_id", "request_to_pay_cash"),)),
    "payments.pay_cash": Expected(STAFF, (path("request_id", "request_to_pay_cash"),), body=code),
    "payments.pay_transfer": Expected(
        ADMIN, (path("request_id", "request_to_pay_transfer"),), body={"bank_reference": "FT-2026-0001"}
    ),
    "payments.payment_account": Expected(MEMBERS, (path("payment_account_id", "payment_account"),)),
    "payments.payment_accounts": Expected(MEMBERS, (filtered_by("customer_id", "customer"),), lists="payment_account"),
    "payments.reject": Expected(ADMIN, (path("request_id", "request"),), body=REASON),
    "payments.remove_payment_account": Expected(MEMBERS, (path("payment_account_id", "payment_account"),)),
    "payments.request": Expected(MEMBERS, (path("request_id", "request"),)),
    "payments.request_payment": Expected(
        MEMBERS, (in_body("account_id", "account", 404, "not_found"), PAYMENT_ACCOUNT), body={"amount": 10_000}
    ),
    "payments.requests": Expected(
        MEMBERS, (filtered_by("account_id", "account"), filtered_by("customer_id", "customer")), lists="request"
    ),
    "payments.send_code": Expected(STAFF, (path("request_id", "request_to_send_code"),)),
    "reports.four_pots": Expected(ADMIN),
    "reports.savings_statement": Expected(MEMBERS, (ACCOUNT,)),
    "reports.trial_balance": Expected(ADMIN),
    "savings.account": Expected(MEMBERS, (ACCOUNT,)),
    "savings.accounts": Expected(
        MEMBERS, (filtered_by("customer_id", "customer"), filtered_by("collector_id", "collector")), lists="account"
    ),
    "savings.card": Expected(MEMBERS, (ACCOUNT,)),
    "savings.change_terms": Expected(STAFF, (ACCOUNT,), body={"contribution": 60_000}),
    "savings.end_early": Expected(STAFF, (ACCOUNT,), body=REASON),
    "savings.extend": Expected(STAFF, (ACCOUNT,), body={"cycles": 1}),
    "savings.open_account": Expected(
        STAFF, (in_body("customer_id", "customer", 422, "savings.not_a_customer"),), body=PLAN
    ),
    "savings.preview": Expected(STAFF, body=PLAN),
    "savings.roll_over": Expected(STAFF, (path("account_id", "account_completed"),), body={}),
    "search.search": Expected(STAFF, query={"q": "name"}),
    "settings.add_holiday": Expected(ADMIN, body={"day": day(300), "name": "New Holiday"}),
    "settings.change_settings": Expected(ADMIN, body={"backdating_days": 2}),
    "settings.holidays": Expected(STAFF),
    "settings.remove_holiday": Expected(ADMIN, (Reference("query", "day", "holiday"),)),
    "settings.settings": Expected(STAFF),
    "users.accept": Expected(PUBLIC, body=accept),
    "users.add_member": Expected(STAFF, (PARENT, UNIT), body={"role": "customer", "full_name": "New Customer"}),
    "users.change_member": Expected(ADMIN, (path("member_id", "member"), UNIT), body={"full_name": "Renamed"}),
    "users.change_role": Expected(
        ADMIN,
        (path("member_id", "agent"), in_body("parent_id", "agent", 422, "members.wrong_parent")),
        body={"role": "sub_agent"},
    ),
    "users.deactivate": Expected(ADMIN, (path("member_id", "member"),), body=REASON),
    "users.deactivate_user": Expected(PLATFORM, (path("user_id", "user"),), body=REASON),
    "users.hand_over": Expected(
        ADMIN, (path("member_id", "agent"), in_body("to_member_id", "agent", 404, "not_found")), body={}
    ),
    "users.member": Expected(MEMBERS, (path("member_id", "member"),)),
    "users.members": Expected(
        MEMBERS, (filtered_by("parent_id", "collector"), filtered_by("unit_id", "unit")), lists="member"
    ),
    "users.reactivate": Expected(ADMIN, (path("member_id", "member_deactivated"),), body=REASON),
    "users.reactivate_user": Expected(PLATFORM, (path("user_id", "user"),), body=REASON),
    "users.reject": Expected(PUBLIC, body=refuse),
    "users.renew_invitation": Expected(ADMIN, (path("member_id", "member_invited"),)),
    "users.users": Expected(PLATFORM, lists="user"),
    "webhooks.add": Expected(ADMIN, body={"url": "http://127.0.0.1:1/", "events": []}),
    "webhooks.calls": Expected(ADMIN, (WEBHOOK,)),
    "webhooks.change": Expected(ADMIN, (WEBHOOK,), body={"events": ["payments.paid"]}),
    "webhooks.remove": Expected(ADMIN, (WEBHOOK,)),
    "webhooks.replay": Expected(ADMIN, (WEBHOOK, path("delivery_id", "call"))),
    "webhooks.rotate_secret": Expected(ADMIN, (WEBHOOK,)),
    "webhooks.send_test": Expected(ADMIN, (WEBHOOK,)),
    "webhooks.webhook": Expected(ADMIN, (WEBHOOK,)),
    "webhooks.webhooks": Expected(ADMIN, lists="webhook"),
}
