"""How many SQL statements and Redis commands each endpoint costs, those that find out who is calling included.

A number that changes is a change of the design: the commit that changes it says why. The caller of a read is known to
the worker, so a read costs its answer alone; who changes something costs one statement more. A cash marking costs nine,
eight of them in its transaction (three more where a cycle begins); that people are to be told of it costs none. How
often it waits for the server is in markings/test_waits.py.
"""

import hmac
from collections import Counter
from datetime import date, timedelta

import pytest
from flask import request
from sqlalchemy import event

from blueprints.ops.routes import ASSETS
from ofektom.caching import get_cache
from ofektom.extensions import db
from tests.brought import brought
from tests.cast import PIN, Cast, Client, new_phone
from tests.telling import sms_on, tell_everybody

PINNED = {
    "arrears.arrears": 1,
    "arrears.dormant": 1,
    "audit.events": 1,
    "audit.platform_events": 1,
    "auth.change_secret": 11,
    "auth.end_session": 3,
    "auth.login": 3,
    "auth.logout": 3,
    "auth.logout_all": 3,
    "auth.me": 0,
    "auth.refresh": 6,
    "auth.sessions": 1,
    "auth.switch_business": 4,
    "businesses.add_unit": 3,
    "businesses.business": 1,
    "businesses.businesses": 1,
    "businesses.change_business": 6,
    "businesses.change_unit": 4,
    "businesses.open_business": 14,
    "businesses.own_business": 1,
    "businesses.public_page": 1,
    "businesses.units": 1,
    "commissions.commissions": 1,
    "commissions.statement": 4,
    "documents.export_collections": 3,
    "documents.export_commissions": 3,
    "documents.export_customers": 3,
    "documents.export_payments": 3,
    "documents.receipt_page": 1,
    "documents.receipt_pdf": 3,
    "documents.statement_csv": 3,
    "documents.statement_pdf": 5,
    "expenses.add_item": 9,
    "expenses.approve": 10,
    "expenses.card": 1,
    "expenses.cards": 1,
    "expenses.expense": 1,
    "expenses.expenses": 1,
    "expenses.incomes": 2,
    "expenses.items": 2,
    "expenses.open_card": 9,
    "expenses.open_card_of_account": 9,
    "expenses.reject": 8,
    "expenses.remove_item": 4,
    "expenses.reverse": 11,
    "expenses.spend": 9,
    "expenses.spend_item": 8,
    "expenses.top_up": 9,
    "expenses.totals": 1,
    "figures.cash": 1,
    "figures.collections_by_agent": 1,
    "figures.collections_by_day": 1,
    "figures.collections_by_unit": 1,
    "figures.commissions": 1,
    "figures.dashboard": 1,
    "figures.platform": 1,
    "markings.check_receipt": 1,
    "markings.collect": 9,
    "markings.collection": 1,
    "markings.collections": 1,
    "markings.reverse": 17,
    "markings.route": 1,
    "notifications.change_preferences": 4,
    "notifications.deliveries": 1,
    "notifications.mark_all_read": 2,
    "notifications.mark_read": 4,
    "notifications.messages": 1,
    "notifications.preferences": 1,
    "notifications.take_sms_report": 1,
    "notifications.unread_count": 1,
    "ops.docs": 0,
    "ops.docs_asset": 0,
    "ops.health": 1,
    "ops.live": 0,
    "ops.numbers": 0,
    "ops.openapi_document": 0,
    "ops.ready": 1,
    "payments.add_payment_account": 7,
    "payments.approve": 11,
    "payments.cancel": 14,
    "payments.fail": 14,
    "payments.list_banks": 0,
    "payments.make_code": 5,
    "payments.pay_cash": 15,
    "payments.pay_transfer": 14,
    "payments.payment_account": 1,
    "payments.payment_accounts": 1,
    "payments.reject": 13,
    "payments.remove_payment_account": 4,
    "payments.request": 1,
    "payments.send_code": 8,
    "payments.request_payment": 11,
    "payments.requests": 1,
    "reports.four_pots": 1,
    "reports.savings_statement": 3,
    "reports.trial_balance": 1,
    "savings.account": 1,
    "savings.accounts": 1,
    "savings.card": 1,
    "savings.change_terms": 7,
    "savings.end_early": 8,
    "savings.extend": 10,
    "savings.open_account": 15,
    "savings.preview": 4,
    "savings.roll_over": 13,
    "search.search": 1,
    "settings.add_holiday": 4,
    "settings.change_settings": 4,
    "settings.holidays": 1,
    "settings.remove_holiday": 4,
    "settings.settings": 1,
    "users.accept": 5,
    "users.add_member": 7,
    "users.change_member": 4,
    "users.change_role": 7,
    "users.deactivate": 4,
    "users.deactivate_user": 5,
    "users.hand_over": 8,
    "users.member": 1,
    "users.members": 1,
    "users.reactivate": 4,
    "users.reactivate_user": 5,
    "users.reject": 3,
    "users.renew_invitation": 6,
    "users.users": 1,
    "webhooks.add": 6,
    "webhooks.calls": 2,
    "webhooks.change": 5,
    "webhooks.remove": 5,
    "webhooks.replay": 8,
    "webhooks.rotate_secret": 5,
    "webhooks.send_test": 6,
    "webhooks.webhook": 1,
    "webhooks.webhooks": 1,
}
# A slice may bring its own in `tests/blueprints/NAME/statements.py`, with `call(cast)`, which makes those requests.
for bringing in brought("statements"):
    PINNED |= bringing.PINNED


class Meter:
    """Counts the statements of each request by endpoint; of several requests the last one counts."""

    def __init__(self, app):
        self.app = app
        self.statements = 0
        self.cost = Counter()

    def __enter__(self):
        with self.app.app_context():
            self.engine = db.engine
        event.listen(self.engine, "before_cursor_execute", self._count)
        self.app.before_request_funcs.setdefault(None, []).insert(0, self._start)
        self.app.teardown_request_funcs.setdefault(None, []).append(self._note)
        return self

    def __exit__(self, *_):
        event.remove(self.engine, "before_cursor_execute", self._count)
        self.app.before_request_funcs[None].remove(self._start)
        self.app.teardown_request_funcs[None].remove(self._note)

    def _count(self, _connection, _cursor, statement, *_):
        self.statements += "fact_changes" not in statement  # asked every few seconds, whoever calls

    def _start(self):
        self.statements = 0

    def _note(self, _error):
        self.cost[request.endpoint] = self.statements


@pytest.fixture(scope="module")
def measured(app, staff) -> Counter:
    """The cost of every endpoint, measured over a day that calls each of them at least once with success."""
    cast = Cast(staff, name="Counting House")
    _know_everybody(app, cast)
    with Meter(app) as meter:
        _people(cast)
        _expenses(cast)
        account = _savings(cast)
        _payments(cast, account)
        _telling(app, cast)
        _reads(cast, account)
        for bringing in brought("statements"):
            bringing.call(cast)
        _signing_in_and_out(cast)
    return meter.cost


def _know_everybody(app, cast):
    """Let the cache know those who will read. People who have just become members are kept out of it for a while."""
    with app.app_context():
        get_cache().flush_db()
    for reader in (cast.ada, cast.funke, cast.staff):
        reader.ok("GET", "/auth/me")


def _people(cast):
    ada, staff = cast.ada, cast.staff
    admin = {"full_name": "X", "phone": new_phone()}
    business = staff.ok("POST", "/businesses", {"name": "Another", "admin": admin})["business"]
    staff.ok("PATCH", f"/businesses/{business['id']}", {"name": "Other"})
    for path in ("/businesses", f"/businesses/{business['id']}", "/users", "/platform/audit", "/platform/dashboard"):
        staff.ok("GET", path)
    unit = ada.ok("POST", "/units", {"name": "Oshodi"})
    ada.ok("PATCH", f"/units/{unit['id']}", {"name": "Oshodi 2"})
    agent = cast.join("agent", "Spare Agent")
    refused = cast.add("customer", "No Thanks", parent=agent, phone=new_phone())
    Client(cast.app).ok("POST", "/invitations/reject", {"token": refused["invitation_token"]})
    ada.ok("POST", f"/members/{refused['id']}/invitation")
    ada.ok("PATCH", f"/members/{refused['id']}", {"full_name": "Perhaps"})
    ada.ok("POST", f"/members/{agent.id}/hand-over", {"to_member_id": cast.emeka.id})
    ada.ok("POST", f"/members/{agent.id}/role", {"role": "sub_agent", "parent_id": cast.emeka.id})
    ada.ok("POST", f"/members/{agent.id}/deactivate", {"reason": "x"})
    ada.ok("POST", f"/members/{agent.id}/reactivate", {"reason": "x"})
    staff.ok("POST", f"/users/{agent.user_id}/deactivate", {"reason": "x"})
    staff.ok("POST", f"/users/{agent.user_id}/reactivate", {"reason": "x"})
    ada.ok("PATCH", "/settings", {"backdating_days": 2, "cooldown_hours": 0, "public_page": True})
    ada.ok("GET", f"/public/businesses/{cast.business_id}")
    feast = {"day": str(date.today() + timedelta(days=400)), "name": "Feast"}
    ada.ok("POST", "/settings/holidays", feast)
    ada.ok("DELETE", f"/settings/holidays?day={feast['day']}")


def _savings(cast) -> dict:
    chidi = cast.chidi
    chidi.ok("POST", "/savings/preview", {"kind": "daily", "contribution": 100})
    account = cast.open_account(cast.funke, by=chidi)
    path = f"/savings/{account['id']}"
    first = cast.mark(account, days=2)
    chidi.ok("POST", f"/collections/{first['collection_id']}/reversal", {"reason": "x"})
    cast.mark(account, days=2)
    cast.mark(account)
    chidi.ok("POST", f"{path}/terms", {"contribution": 60_000})
    chidi.ok("POST", f"{path}/extend", {"cycles": 1})
    short = cast.open_account(cast.gbenga, by=chidi)
    cast.mark(short)
    chidi.ok("POST", f"/savings/{short['id']}/end", {"reason": "x"})
    chidi.ok("POST", f"/savings/{short['id']}/roll-over")
    cast.mark(account, days=3)
    return account


def _payments(cast, account):
    ada, funke = cast.ada, cast.funke
    bank = {"bank_code": "011", "account_number": "0000014579", "account_name": "Funke Bello"}
    number = funke.ok("POST", "/payment-accounts", bank)
    wire = {"account_id": account["id"], "amount": 500, "method": "transfer", "payment_account_id": number["id"]}
    cash = {"account_id": account["id"], "amount": 500}

    def ask(body, *, approved=True):
        request = funke.ok("POST", "/payments", body)
        if approved:
            ada.ok("POST", f"/payments/{request['id']}/approve")
        return f"/payments/{request['id']}"

    ada.ok("POST", f"{ask(cash, approved=False)}/reject", {"reason": "x"})
    funke.ok("POST", f"{ask(cash)}/cancel", {"reason": "x"})
    ada.ok("POST", f"{ask(wire)}/fail", {"reason": "x"})
    ada.ok("POST", f"{ask(wire)}/pay-transfer", {"bank_reference": "BANK-0001"})
    path = ask(cash)
    with sms_on(cast.app):
        cast.chidi.ok("POST", f"{path}/send-code")
    code = funke.ok("POST", f"{path}/code")["code"]
    cast.chidi.ok("POST", f"{path}/pay-cash", {"code": code})
    funke.ok("GET", path)
    funke.ok("GET", f"/payment-accounts/{number['id']}")
    funke.ok("DELETE", f"/payment-accounts/{number['id']}")


def _telling(app, cast):
    ada, funke = cast.ada, cast.funke
    tell_everybody(app, cast.business_id)
    for path in ("", "/unread-count", "/preferences"):
        funke.ok("GET", f"/notifications{path}")
    newest = funke.ok("GET", "/notifications")["items"][0]["id"]
    funke.ok("POST", f"/notifications/{newest}/read")
    funke.ok("POST", "/notifications/read")
    funke.ok("PATCH", "/notifications/preferences", {"sms": False})
    ada.ok("GET", "/notifications/deliveries")
    key, report = app.config["TERMII_SECRET_KEY"].encode(), b'{"message_id": "1", "status": "Delivered"}'
    signed = {"X-Termii-Signature": hmac.new(key, report, "sha512").hexdigest()}
    app.test_client().post("/api/v1/notifications/sms-reports", data=report, headers=signed)
    path = f"/webhooks/{ada.ok('POST', '/webhooks', {'url': 'http://127.0.0.1:1/'})['id']}"
    for read in ("/webhooks", path):
        ada.ok("GET", read)
    ada.ok("PATCH", path, {"events": ["payments.paid"]})
    ada.ok("POST", f"{path}/secret")
    call = ada.ok("POST", f"{path}/test")["id"]
    ada.ok("POST", f"{path}/deliveries/{call}/replay")
    ada.ok("GET", f"{path}/deliveries")
    ada.ok("DELETE", path)


def _expenses(cast):
    ada, bola, chidi, funke = cast.ada, cast.bola, cast.chidi, cast.funke
    paid = cast.open_account(funke, cycle_days=2)
    cast.mark(paid, days=2)
    ada.ok("PATCH", "/settings", {"expense_approval_above": 1_000})
    small, large = ({"amount": amount, "category": "fuel", "note": "x"} for amount in (1_000, 1_001))
    asked = chidi.ok("POST", "/expenses", large)
    ada.ok("POST", f"/expenses/{asked['id']}/reject", {"reason": "x"})
    asked = chidi.ok("POST", "/expenses", large)
    bola.ok("POST", f"/expenses/{asked['id']}/approve")
    spent = chidi.ok("POST", "/expenses", small)
    ada.ok("POST", f"/expenses/{spent['id']}/reversal", {"reason": "x"})
    for path in ("/expenses", "/expenses/totals?since=2000-01-01&until=2100-12-31", f"/expenses/{spent['id']}"):
        ada.ok("GET", path)
    request = funke.ok("POST", "/payments", {"account_id": paid["id"]})
    ada.ok("POST", f"/payments/{request['id']}/approve")
    code = funke.ok("POST", f"/payments/{request['id']}/code")["code"]
    ada.ok("POST", f"/payments/{request['id']}/pay-cash", {"code": code})
    funke.ok("POST", f"/savings/{paid['id']}/expense-card", {"name": "Of the savings"})
    income, item = {"amount": 1_000, "source": "x"}, {"name": "x", "category": "food", "amount": 500}
    card = funke.ok("POST", "/expense-cards", income | {"name": "Of other income"})["id"]
    funke.ok("POST", f"/expense-cards/{card}/incomes", income)
    plan, dropped = (funke.ok("POST", f"/expense-cards/{card}/items", item | {"planned": True})["id"] for _ in range(2))
    funke.ok("POST", f"/expense-items/{plan}/spend")
    funke.ok("DELETE", f"/expense-items/{dropped}")
    funke.ok("POST", f"/expense-cards/{card}/items", item)
    for path in ("", f"/{card}", f"/{card}/incomes", f"/{card}/items"):
        ada.ok("GET", f"/expense-cards{path}")


def _reads(cast, account):
    for path in (
        "/business /units /members /savings /collections /commissions /payments /payment-accounts /route /audit "
        "/settings /settings/holidays /reports/trial-balance /reports/four-pots /auth/sessions /auth/me "
        "/reports/collections/by-day /reports/collections/by-unit /reports/collections/by-agent /reports/commissions "
        "/reports/cash /reports/arrears /reports/dormant /dashboard /search?q=funke "
        f"/members/{cast.funke.id} /savings/{account['id']} /savings/{account['id']}/card "
        f"/savings/{account['id']}/statement /commissions/agents/{cast.chidi.id}/statement"
    ).split():
        cast.ada.ok("GET", path)
    collection = cast.ada.ok("GET", "/collections?limit=1")["items"][0]
    cast.ada.ok("GET", f"/collections/{collection['id']}")
    cast.ada.ok("GET", f"/receipts/{collection['check_code']}")
    for path in (f"/r/{collection['check_code']}", f"/collections/{collection['id']}/receipt.pdf"):
        assert cast.ada.get(path).status == 200
    asset = f"/docs/assets/{ASSETS.version}/swagger-ui.css"
    for subject in ("collections", "commissions", "customers", "payments"):
        assert cast.ada.post(f"/exports/{subject}.csv").status == 200
    for form in ("csv", "pdf"):
        assert cast.ada.get(f"/savings/{account['id']}/statement.{form}").status == 200
    for path in f"/health /livez /readyz /metrics /docs {asset} /api/v1/openapi.json /banks".split():
        assert cast.ada.get(path).status == 200


def _signing_in_and_out(cast):
    person, other = cast.join("customer", "Comes And Goes", parent=cast.chidi), Client(cast.app)
    tokens = other.sign_in(person.phone, PIN)
    other.token = other.ok("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})["access_token"]
    other.token = other.ok("POST", "/auth/secret", {"current": PIN, "new": "806241"})["access_token"]
    other.ok("POST", "/auth/switch-business", {"business_id": cast.business_id})
    another = Client(cast.app)
    another.sign_in(person.phone, "806241")
    session = another.ok("GET", "/auth/sessions")["items"][1]
    another.ok("DELETE", f"/auth/sessions/{session['id']}")
    another.ok("POST", "/auth/logout")
    another.sign_in(person.phone, "806241")
    another.ok("POST", "/auth/logout-all")
    another.sign_in(person.phone, "806241")
    for path in ("/auth/sessions", "/auth/me"):
        cast.ada.ok("GET", path)


def test_every_endpoint_has_its_number(app):
    assert set(PINNED) == {endpoint for endpoint, function in app.view_functions.items() if hasattr(function, "view")}


def test_no_endpoint_costs_more_or_less_than_its_number(measured):
    assert dict(measured) == PINNED
