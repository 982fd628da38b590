"""The people tests are about, and a client that speaks for each of them over HTTP."""

import functools
import itertools
import re
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import jwt
import orjson
from flask import Flask
from werkzeug.exceptions import HTTPException

from blueprints.auth.services import create_super_admin
from ofektom import browsers, openapi
from ofektom.credentials import hash_secret
from ofektom.errors import Problem

PASSWORD = "a long enough passphrase"
PIN = "739154"
_phones = itertools.count(1)


def today() -> date:
    """The day it is where the businesses are: for an hour of each day one further than in UTC."""
    return datetime.now(ZoneInfo("Africa/Lagos")).date()


def new_phone() -> str:
    """A mobile number no other test has."""
    return f"+23480{next(_phones) + 30_000_000:08d}"


def documented(app: Flask, method: str, path: str) -> set[str]:
    """The error codes that the OpenAPI document promises for a request, or those of no view at all.

    Of a page it promises nothing: that answers with any.
    """
    try:
        rule, _ = app.url_map.bind("localhost").match(path.partition("?")[0], method, return_rule=True)
    except HTTPException:
        return {"not_found", "method_not_allowed"}
    if app.view_functions[rule.endpoint].view.page:
        return set(Problem.by_code)
    template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    operation = _paths(app)[template][method.lower()]
    return {code for response in operation["responses"].values() for code in response.get("x-codes", ())}


@functools.cache
def _paths(app: Flask) -> dict:
    with app.app_context():
        return orjson.loads(openapi.encoded(app))["paths"]


def as_browser(app: Flask, token: str | None, body: dict | None = None) -> dict:
    """The options of a request for a page: who asks is in a cookie, and a `body` in a form that the page had."""
    cookie = {"Cookie": f"{browsers.COOKIE}={token}"} if token else {}
    asked = {"headers": {"Sec-Fetch-Site": "same-origin"} | cookie}
    return asked if body is None else asked | {"data": body | {browsers.FIELD: form_of(app, token)}}


def form_of(app: Flask, token: str | None) -> str:
    """What a form has in it that the session of a token was given; nothing for nobody."""
    if token is None:
        return ""
    session_id = jwt.decode(token, options={"verify_signature": False})["sid"]
    with app.app_context():
        return browsers.form_for(int(session_id))


@dataclass
class Answer:
    """What came back: status, parsed body and headers."""

    status: int
    body: dict | list | None
    headers: dict

    def __getitem__(self, name):
        return self.body[name]

    @property
    def code(self) -> str | None:
        """The stable code of a problem document."""
        return self.body.get("code") if self.status >= 400 and isinstance(self.body, dict) else None


class Client:
    """A caller. POSTs carry a fresh Idempotency-Key unless one is given; `ok` insists on success."""

    def __init__(self, app: Flask, token: str | None = None):
        self.app = app
        self.token = token

    def send(self, method: str, path: str, body=None, *, key: str | None = None, headers=None, **options) -> Answer:
        sent = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if method == "POST":
            sent["Idempotency-Key"] = key or uuid.uuid4().hex
        if not path.startswith(("/api", "/r/", "/health", "/livez", "/readyz", "/metrics", "/docs", "/console")):
            path = f"/api/v1{path}"
        if path.startswith("/console"):
            options |= as_browser(self.app, self.token, body)
            sent = options.pop("headers")
        elif body is not None:
            options["json"] = body
        answer = self.app.test_client(use_cookies=False).open(
            path, method=method, headers=sent | (headers or {}), buffered=True, **options
        )
        received = Answer(answer.status_code, answer.get_json(silent=True), dict(answer.headers))
        assert received.code is None or received.code in documented(self.app, method, path), (method, path, received)
        return received

    def get(self, path: str, **options) -> Answer:
        return self.send("GET", path, **options)

    def post(self, path: str, body=None, **options) -> Answer:
        return self.send("POST", path, {} if body is None else body, **options)

    def patch(self, path: str, body, **options) -> Answer:
        return self.send("PATCH", path, body, **options)

    def delete(self, path: str, **options) -> Answer:
        return self.send("DELETE", path, **options)

    def ok(self, method: str, path: str, body=None, **options) -> dict:
        """The body of an answer that must be a success."""
        if method == "POST" and body is None:
            body = {}
        answer = self.send(method, path, body, **options)
        assert 200 <= answer.status < 300, (method, path, answer.status, answer.body)
        return answer.body

    def sign_in(self, login: str, secret: str) -> dict:
        """Sign in and speak as that person from now on."""
        tokens = Client(self.app).ok("POST", "/auth/login", {"login": login, "secret": secret})
        self.token = tokens["access_token"]
        return tokens


class Person(Client):
    """A member of a business who has accepted their invitation and signed in."""

    def __init__(self, app: Flask, member: dict, phone: str, secret: str):
        super().__init__(app)
        self.id, self.role = member["id"], member["role"]
        self.phone, self.secret = phone, secret
        if "invitation_token" in member:
            accept = {"token": member["invitation_token"], "secret": secret}
            Client(app).ok("POST", "/invitations/accept", accept)
        self.tokens = self.sign_in(phone, secret)
        self.user_id = self.ok("GET", "/auth/me")["id"]


class Staff(Client):
    """A super admin of the platform."""

    def __init__(self, app: Flask):
        super().__init__(app)
        self.username = f"super-{uuid.uuid4().hex[:10]}"
        with app.app_context():
            hashed = hash_secret(PASSWORD)
            self.user_id = create_super_admin(username=self.username, full_name="Ngozi Platform", password_hash=hashed)
        self.sign_in(self.username, PASSWORD)


class Cast:
    """A business and its people.

    ada admin, bola another admin · chidi agent, dupe his sub-agent, emeka another agent · funke and gbenga customers of
    chidi, hauwa of dupe, ike of emeka · the customers have no savings account yet.
    """

    def __init__(self, staff: Staff, name: str = "Ada Thrift"):
        self.app = staff.app
        self.staff = staff
        phone = new_phone()
        opened = staff.ok("POST", "/businesses", {"name": name, "admin": {"full_name": "Ada Obi", "phone": phone}})
        self.business_id = opened["business"]["id"]
        self.ada = Person(self.app, opened["admin"], phone, PASSWORD)
        self.bola = self.join("admin", "Bola Ade")
        self.chidi = self.join("agent", "Chidi Eze")
        self.dupe = self.join("sub_agent", "Dupe Ojo", parent=self.chidi)
        self.emeka = self.join("agent", "Emeka Udo")
        self.funke = self.join("customer", "Funke Bello", parent=self.chidi)
        self.gbenga = self.join("customer", "Gbenga Ali", parent=self.chidi)
        self.hauwa = self.join("customer", "Hauwa Sani", parent=self.dupe)
        self.ike = self.join("customer", "Ike Nwosu", parent=self.emeka)

    def add(self, role: str, name: str, *, parent: Person | None = None, **more) -> dict:
        """Add a member without a login of their own."""
        body = {"role": role, "full_name": name, "parent_id": parent.id if parent else None} | more
        return self.ada.ok("POST", "/members", body)

    def join(self, role: str, name: str, *, parent: Person | None = None) -> Person:
        """Add a member, accept for them and sign them in."""
        phone = new_phone()
        member = self.add(role, name, parent=parent, phone=phone)
        return Person(self.app, member, phone, PASSWORD if role == "admin" else PIN)

    def open_account(self, customer: Person, *, by: Person | None = None, **terms) -> dict:
        """Open a savings account: daily 500 naira for one cycle unless told otherwise."""
        plan = {"kind": "daily", "contribution": 50_000, "customer_id": customer.id} | terms
        return (by or self.ada).ok("POST", "/savings", plan)

    def mark(self, account: dict, *, by: Person | None = None, **what) -> dict:
        """Mark an account, by chidi unless told otherwise."""
        return (by or self.chidi).ok("POST", f"/savings/{account['id']}/markings", what)

    def card(self, account: dict) -> dict:
        """The card as an admin sees it."""
        return self.ada.ok("GET", f"/savings/{account['id']}/card")
