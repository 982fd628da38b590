"""What every endpoint expects: who may call it, what names a thing in its request, what a good request looks like.

The matrix fails for an endpoint that is not here, and for an entry here that is no endpoint. A slice may bring its own
in `tests/blueprints/NAME/isolation.py`, with `furnish(home)`, which gives a business what the requests are about.
"""

import hashlib
import hmac

from blueprints.ops.routes import ASSETS
from tests.brought import brought
from tests.isolation.expecting import (
    ADMIN,
    MEMBERS,
    NOTHING,
    OPERATOR,
    PLATFORM,
    PUBLIC,
    SIGNED_IN,
    STAFF,
    Asked,
    Expected,
    Reference,
    day,
    filtered_by,
    in_body,
    path,
)
from tests.isolation.world import World

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

for bringing in brought("isolation"):
    EXPECTED |= bringing.EXPECTED
