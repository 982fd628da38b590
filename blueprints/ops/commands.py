"""`flask sample-data`: a business to try the service on, made through the API like any other."""

import secrets
import uuid
from datetime import timedelta

import click
from flask import current_app
from flask.cli import with_appcontext

from blueprints.auth.services import create_super_admin
from blueprints.ops import queries
from ofektom.credentials import PIN_DIGITS, WeakPin, check_pin, hash_secret
from ofektom.reporting import reports

CUSTOMERS = [
    ("Funke Bello", 50_000, 9),
    ("Gbenga Ali", 20_000, 12),
    ("Hauwa Sani", 100_000, 4),
    ("Ike Nwosu", 30_000, 0),
]
DAYS_AGO = timedelta(days=11)


class _Caller:
    """Somebody calling the API of this process."""

    def __init__(self, login: str | None = None, secret: str | None = None):
        self.headers = {}
        if login:
            tokens = self.post("/auth/login", {"login": login, "secret": secret})
            self.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def post(self, path: str, body: dict | None = None) -> dict:
        return self._send("POST", path, body or {})

    def patch(self, path: str, body: dict) -> dict:
        return self._send("PATCH", path, body)

    def _send(self, method: str, path: str, body: dict) -> dict:
        headers = self.headers | {"Idempotency-Key": uuid.uuid4().hex}
        # A context of its own: within the command's, one caller's identity would stay for the next.
        with current_app.app_context():
            answer = current_app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)
        if answer.status_code >= 300:
            raise click.ClickException(
                f"{method} {path} answered {answer.status_code}: {answer.get_data(as_text=True)}"
            )
        return answer.get_json(silent=True) or {}


def _say_people(found: dict) -> str:
    if found["business"] is None:
        return "there is a business already: nothing was made"
    return "\n".join(f"{one['role']} {one['name']}: {one['login']} {one['secret']}" for one in found["people"])


@click.command("sample-data", short_help="Make a business to try things on.")
@reports(_say_people)
@with_appcontext
def sample_data() -> dict:
    """Make a sample business on a database that has none, and print who can sign in."""
    return {"business": None, "people": []} if queries.has_businesses() else _make_business()


def _make_business() -> dict:
    people: list[dict] = []
    password = secrets.token_urlsafe(12)
    login = "platform"
    create_super_admin(username=login, full_name="Ngozi Platform", password_hash=hash_secret(password))
    staff = _Caller(login, password)
    opened = staff.post("/businesses", {"name": "Ada Thrift", "admin": {"full_name": "Ada Obi", "username": "ada"}})
    ada = _accept(people, opened["admin"], "ada", secrets.token_urlsafe(12))
    unit = ada.post("/units", {"name": "Balogun Market"})
    chidi, chidi_id = _join(ada, people, "agent", "Chidi Eze", "chidi", unit_id=unit["id"])
    dupe, dupe_id = _join(ada, people, "sub_agent", "Dupe Ojo", "dupe", unit_id=unit["id"], parent_id=chidi_id)
    for index, (name, contribution, days) in enumerate(CUSTOMERS):
        collector, parent_id = (chidi, chidi_id) if index % 2 == 0 else (dupe, dupe_id)
        if index == 0:
            _, customer_id = _join(ada, people, "customer", name, "funke", parent_id=parent_id)
        else:
            body = {"role": "customer", "full_name": name, "parent_id": parent_id}
            customer_id = ada.post("/members", body)["id"]
        _save(ada, collector, customer_id, contribution, days)
    _go_on(ada, chidi, dupe)
    people.append({"name": "Ngozi Platform", "role": "super_admin", "login": login, "secret": password})
    return {"business": "Ada Thrift", "people": people}


def _join(ada: _Caller, people: list, role: str, name: str, username: str, **more) -> tuple[_Caller, int]:
    member = ada.post("/members", {"role": role, "full_name": name, "username": username} | more)
    return _accept(people, member, username, _new_pin()), member["id"]


def _accept(people: list, member: dict, username: str, secret: str) -> _Caller:
    _Caller().post("/invitations/accept", {"token": member["invitation_token"], "secret": secret})
    who = {"name": member["full_name"], "role": member["role"], "login": username, "secret": secret}
    people.append(who)
    return _Caller(username, secret)


def _new_pin() -> str:
    while True:
        pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"
        try:
            check_pin(pin)
        except WeakPin:
            continue
        return pin


def _save(ada: _Caller, collector: _Caller, customer_id: int, contribution: int, days: int) -> None:
    """A plan that began some days ago, of which some slots are paid."""
    start = (queries.database_today() - DAYS_AGO).isoformat()
    plan = {"kind": "daily", "contribution": contribution, "customer_id": customer_id, "start": start}
    account = ada.post("/savings", plan)
    if days:
        collector.post(f"/savings/{account['id']}/markings", {"days": days})


def _go_on(ada: _Caller, chidi: _Caller, dupe: _Caller) -> None:
    """Something of everything that can be decided, paid or answered: the examples of the documentation name it."""
    for name, username in (("Emeka Udo", "emeka"), ("Lola Ade", "lola")):
        member = ada.post("/members", {"role": "agent", "full_name": name, "username": username})
    ada.post(f"/members/{member['id']}/deactivate", {"reason": "has moved to Ibadan"})
    ada.patch("/settings", {"public_page": True, "cooldown_hours": 0, "expense_approval_above": 500_000})
    ada.post("/settings/holidays", {"day": "2099-12-25", "name": "Christmas"})
    _ask_for_money(ada, chidi)
    _spend(ada, chidi, dupe)
    ada.patch("/settings", {"cooldown_hours": 24})
    ada.post("/webhooks", {"url": "http://127.0.0.1:8080/hook", "events": ["payments.failed"]})


def _ask_for_money(ada: _Caller, chidi: _Caller) -> None:
    """Funke's payment account, and requests of hers that wait for a decision, for cash and for the bank."""
    bank = {"bank_code": "100004", "account_number": "8031234567", "account_name": "Funke Bello"}
    payee = ada.post("/payment-accounts", {"customer_id": 4} | bank)["id"]
    to_the_bank = {"method": "transfer", "payment_account_id": payee}
    for more in ({}, {}, to_the_bank):
        request = chidi.post("/payments", {"account_id": 1, "amount": 10_000} | more)
        if request["id"] > 1:
            ada.post(f"/payments/{request['id']}/approve")


def _spend(ada: _Caller, chidi: _Caller, dupe: _Caller) -> None:
    """Expenses of the business, posted and waiting; Gbenga's expense card, and a short plan of his that is paid out."""
    for amount in (20_000, 600_000):
        chidi.post("/expenses", {"amount": amount, "category": "fuel", "note": "for the motorcycle"})
    card = dupe.post("/expense-cards", {"customer_id": 5, "name": "Shop", "amount": 500_000, "source": "sales"})["id"]
    rice = {"name": "Rice", "category": "food", "amount": 120_000, "planned": True}
    dupe.post(f"/expense-cards/{card}/items", rice)
    account = ada.post("/savings", {"kind": "daily", "contribution": 10_000, "customer_id": 5, "cycle_days": 2})["id"]
    dupe.post(f"/savings/{account}/markings", {"days": 2})
    bank = {"bank_code": "100004", "account_number": "8037654321", "account_name": "Gbenga Ali"}
    payee = ada.post("/payment-accounts", {"customer_id": 5} | bank)["id"]
    transfer = {"account_id": account, "method": "transfer", "payment_account_id": payee}
    request = dupe.post("/payments", transfer)["id"]
    ada.post(f"/payments/{request}/approve")
    ada.post(f"/payments/{request}/pay-transfer", {"bank_reference": "FT-2026-1001"})
