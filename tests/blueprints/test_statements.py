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

from blueprints.console.routes import ASSETS as CONSOLE_ASSETS
from blueprints.ops.routes import ASSETS
from ofektom.caching import get_cache
from ofektom.extensions import db
from tests.blueprints.pinned import PINNED
from tests.cast import PIN, Cast, Client, new_phone
from tests.telling import sms_on, tell_everybody


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
    for decision, body in (("approve", {}), ("decline", {"reason": "x"})):
        payout = ask(cash, approved=False).removeprefix("/payments/")
        assert ada.post(f"/console/payouts/{payout}/{decision}", body).status == 303
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
    for decision, body in (("approve", {}), ("decline", {"reason": "x"})):
        asked = chidi.ok("POST", "/expenses", large)
        assert bola.post(f"/console/expenses/{asked['id']}/{decision}", body).status == 303
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
    pages = f"/sign-in /assets/{CONSOLE_ASSETS.version}/console.css /approvals /cash /health /route /route/stops"
    for path in ["", *pages.split()]:
        assert cast.ada.get(f"/console{path}").status == 200
    assert cast.staff.get("/console/businesses").status == 200
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
    assert other.post("/console/session", {"login": person.phone, "secret": "806241"}).status == 303
    assert another.post("/console/sign-out", {}).status == 303


def test_every_endpoint_has_its_number(app):
    assert set(PINNED) == {endpoint for endpoint, function in app.view_functions.items() if hasattr(function, "view")}


def test_no_endpoint_costs_more_or_less_than_its_number(measured):
    assert dict(measured) == PINNED
