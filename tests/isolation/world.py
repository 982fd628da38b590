"""Two businesses with something of everything, and a record of whose each thing and each tell-tale word is."""

import itertools
import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select, update

from ofektom.auth import Session, issue_access_token
from ofektom.extensions import db
from ofektom.identity import User
from tests.brought import brought
from tests.cast import PASSWORD, Cast, Client, Person, Staff, new_phone
from tests.telling import sms_on, tell_everybody

MARKED_DAYS = 20
_days_ahead = itertools.count(200)

# Who may read a word. LINE: whoever sees its subject; STAFF and MEMBERS: those of its business; ADMIN: its admins;
# OWN: the subject, their admins (by the audit trail) and platform staff; PLATFORM: platform staff; NOBODY: not again;
# ANYBODY: what the home business publishes of itself, on its page and to whoever holds a receipt.
LINE, STAFF, MEMBERS, ADMIN, OWN, PLATFORM, NOBODY = "line", "staff", "members", "admin", "own", "platform", "nobody"
ANYBODY = "anybody"


@dataclass(frozen=True)
class Thing:
    """A row of `kind` that belongs to somebody (`subject`, a key of the cast) or to the whole of `business`."""

    kind: str
    business: str
    subject: str | None
    id: int | str


@dataclass(frozen=True)
class Canary:
    """A word that occurs nowhere else, and who may read it."""

    text: str
    readers: str
    business: str
    subject: str | None


class Furnished:
    """A cast whose people, plans, money and papers are all marked by canaries."""

    def __init__(self, staff: Staff, business: str):
        self.business = business
        self.things: list[Thing] = []
        self.canaries: list[Canary] = []
        self.codes: dict[int, str] = {}
        self.publishes = business == "home"
        self.cast = Cast(staff, name=self.word("Thrift", ANYBODY if self.publishes else MEMBERS))
        self.ada = self.cast.ada
        rules = {"cooldown_hours": 0, "expense_approval_above": 10_000, "public_page": self.publishes}
        self.ada.ok("PATCH", "/settings", rules)
        for kind in ("business", "workplace", "public_page"):
            self.thing(kind, None, self.cast.business_id)
        self._add_units_and_holidays()
        self._add_members()
        self._add_webhook()
        for customer, collector in (("funke", "chidi"), ("hauwa", "dupe"), ("ike", "emeka")):
            Estate(self, customer, collector)
            Spending(self, customer, collector)
        for bringing in brought("isolation"):
            bringing.furnish(self)
        self._tell()

    def word(self, what: str, readers: str, subject: str | None = None) -> str:
        """A new canary that says what it is."""
        return self.note(f"{what} {secrets.token_hex(5)}", readers, subject)

    def note(self, text: str, readers: str, subject: str | None = None) -> str:
        """Record `text`, made elsewhere, as a canary."""
        self.canaries.append(Canary(text, readers, self.business, subject))
        return text

    def thing(self, kind: str, subject: str | None, id: int | str) -> None:
        """Record a row."""
        self.things.append(Thing(kind, self.business, subject, id))

    def person(self, key: str) -> Person:
        """Somebody of the cast."""
        return getattr(self.cast, key)

    def _add_units_and_holidays(self) -> None:
        for _ in range(2):
            unit = self.ada.ok("POST", "/units", {"name": self.word("Market", ANYBODY if self.publishes else STAFF)})
            self.thing("unit", None, unit["id"])
        closed = self.ada.ok("POST", "/units", {"name": self.word("Closed Market", STAFF)})
        self.ada.ok("PATCH", f"/units/{closed['id']}", {"is_active": False})
        self.thing("unit", None, closed["id"])
        day = (date.today() + timedelta(days=next(_days_ahead))).isoformat()
        self.ada.ok("POST", "/settings/holidays", {"day": day, "name": self.word("Holiday", STAFF)})
        self.thing("holiday", None, day)

    def _add_members(self) -> None:
        spare = self.cast.join("agent", "Spare Agent")
        former = self.cast.join("admin", "Former Admin")
        disabled = self.cast.join("admin", "Disabled Admin")
        passerby = self.cast.join("customer", "Passerby", parent=self.cast.emeka)
        self.cast.spare, self.cast.former, self.cast.disabled = spare, former, disabled
        self.cast.passerby = passerby
        keys = ["spare", "funke", "gbenga", "hauwa", "ike", "passerby", "chidi", "dupe", "emeka", "bola", "ada"]
        for key in [*keys, "disabled", "former"]:
            self._describe(key)
        self._add_invited()
        reason = {"reason": self.word("Left because", ADMIN)}
        self.ada.ok("POST", f"/members/{former.id}/deactivate", reason)
        self.thing("member_deactivated", "former", former.id)

    def _add_webhook(self) -> None:
        url = f"http://127.0.0.1:1/{self.note(secrets.token_hex(12), ADMIN)}"
        hook = self.ada.ok("POST", "/webhooks", {"url": url})
        self.note(hook["signing_secret"], NOBODY)
        self.thing("webhook", None, hook["id"])
        self.thing("call", None, self.ada.ok("POST", f"/webhooks/{hook['id']}/test")["id"])

    def _tell(self) -> None:
        """Have everybody told what has happened so far."""
        with sms_on(self.cast.app):
            tell_everybody(self.cast.app, self.cast.business_id)
        for key in ("funke", "hauwa", "ike", "bola"):
            for message in self.person(key).ok("GET", "/notifications?limit=100")["items"]:
                self.thing("message", key, message["id"])
        for delivery in self.ada.ok("GET", "/notifications/deliveries?limit=100")["items"]:
            self.thing("delivery", None, delivery["id"])

    def _describe(self, key: str) -> None:
        """Give a member a name and phone that only this business knows, and a session with a name of its own."""
        person = self.person(key)
        self.note(person.phone, OWN, key)
        facts = {"full_name": self.word("Name", LINE, key), "phone": self.note(new_phone(), LINE, key)}
        self.ada.ok("PATCH", f"/members/{person.id}", facts)
        device = self.word("Phone of", OWN, key)
        login = {"login": person.phone, "secret": person.secret, "device": device}
        person.spare_tokens = Client(person.app).ok("POST", "/auth/login", login)
        sessions = person.ok("GET", "/auth/sessions")["items"]
        self.thing("session", key, sessions[0]["id"])
        self.thing("member", key, person.id)
        self.thing("user", key, person.user_id)
        if person.role in ("agent", "sub_agent", "customer"):
            self.thing(person.role, key, person.id)
        if person.role in ("agent", "sub_agent"):
            self.thing("collector", key, person.id)

    def _add_invited(self) -> None:
        phone = self.note(new_phone(), OWN, "invited")
        member = self.cast.add("customer", "Invited Customer", parent=self.cast.emeka, phone=phone)
        facts = {"full_name": self.word("Name", LINE, "invited"), "phone": self.note(new_phone(), LINE, "invited")}
        self.ada.ok("PATCH", f"/members/{member['id']}", facts)
        self.note(member["invitation_token"], NOBODY)
        self.invitation_token = member["invitation_token"]
        self.thing("member_invited", "invited", member["id"])


class Estate:
    """What one customer has: plans, collections, payment accounts, and requests in every state."""

    def __init__(self, home: Furnished, customer: str, collector: str):
        self.home, self.key = home, customer
        self.customer, self.collector = home.person(customer), home.person(collector)
        self.account_id = self._open_plan("account")
        self._collect()
        self._complete_another()
        self.payment_account_id = self._add_payment_account()
        self._ask_for_money()

    def _word(self, what: str) -> str:
        return self.home.word(what, LINE, self.key)

    def _thing(self, kind: str, id: int | str) -> int | str:
        self.home.thing(kind, self.key, id)
        return id

    def _open_plan(self, kind: str) -> int:
        plan = self.home.cast.open_account(self.customer, by=self.collector, label=self._word("Label"))
        self.home.note(plan["tracking_number"], LINE, self.key)
        return self._thing(kind, plan["id"])

    def _collect(self) -> None:
        markings = f"/savings/{self.account_id}/markings"
        self.collector.ok("POST", markings, {"days": MARKED_DAYS})
        mistake = self.collector.ok("POST", markings)["collection_id"]
        reason = {"reason": self._word("Wrong card")}
        self.collector.ok("POST", f"/collections/{mistake}/reversal", reason)
        receipt = self.collector.ok("POST", markings)
        self._thing("collection", receipt["collection_id"])
        self.home.note(receipt["check_code"], LINE, self.key)
        if self.home.publishes:
            self._thing("receipt", receipt["check_code"])

    def _complete_another(self) -> None:
        ended = self._open_plan("account_completed")
        self.collector.ok("POST", f"/savings/{ended}/markings", {"days": 2})
        reason = {"reason": self.home.word("Moved away", ADMIN)}
        self.collector.ok("POST", f"/savings/{ended}/end", reason)

    def _add_payment_account(self) -> int:
        number = self.home.note(f"{secrets.randbelow(10**10):010d}", LINE, self.key)
        body = {"bank_code": "100004", "account_number": number, "account_name": self._word("Holder")}
        return self._thing("payment_account", self.customer.ok("POST", "/payment-accounts", body)["id"])

    def _request(self, kind: str, *, by: Person, transfer: bool = False) -> int:
        body = {"account_id": self.account_id, "amount": 10_000}
        if transfer:
            body |= {"method": "transfer", "payment_account_id": self.payment_account_id}
        return self._thing(kind, by.ok("POST", "/payments", body)["id"])

    def _ask_for_money(self) -> None:
        ada = self.home.ada
        self._request("request", by=self.customer)
        self._request("request_of_collector", by=self.collector)
        cash = self._request("request_to_pay_cash", by=self.customer)
        coded = self._request("request_to_send_code", by=self.customer)
        bank = self._request("request_to_pay_transfer", by=self.customer, transfer=True)
        done = self._request("request_paid", by=self.customer, transfer=True)
        refused = self._request("request_rejected", by=self.customer)
        for approved in (cash, coded, bank, done):
            ada.ok("POST", f"/payments/{approved}/approve")
        self.home.codes[cash] = self.customer.ok("POST", f"/payments/{cash}/code")["code"]
        reference = self.home.note(f"BANK-{secrets.token_hex(8)}", LINE, self.key)
        ada.ok("POST", f"/payments/{done}/pay-transfer", {"bank_reference": reference})
        ada.ok("POST", f"/payments/{refused}/reject", {"reason": self._word("Not now")})


class Spending:
    """What a collector spends; and the expense cards of a customer and of a neighbour of theirs who has no login."""

    def __init__(self, home: Furnished, customer: str, collector: str):
        self.home, self.key = home, collector
        self.collector = home.person(collector)
        self._spend("spend", 1_000)
        self._spend("spend_requested", 11_000)
        refused = self._spend("spend_rejected", 11_000)
        home.ada.ok("POST", f"/expenses/{refused}/reject", {"reason": home.word("Too dear", LINE, collector)})
        # First those that their collector keeps: a request of the collector's that succeeds is about one of these.
        neighbour = f"walk_in_{collector}"
        self._keep(neighbour, home.cast.add("customer", "Neighbour", parent=self.collector)["id"], by=self.collector)
        self._keep(customer, home.person(customer).id, by=home.person(customer))

    def _spend(self, kind: str, amount: int) -> int:
        note, number = (self.home.word(what, LINE, self.key) for what in ("Spent on", "Receipt"))
        body = {"amount": amount, "category": "fuel", "note": note, "receipt_number": number}
        expense = self.collector.ok("POST", "/expenses", body)
        self.home.thing(kind, self.key, expense["id"])
        return expense["id"]

    def _keep(self, key: str, customer_id: int, by: Person) -> None:
        """A card with a plan, and a savings account that has been paid out."""
        home = self.home
        home.thing("customer_kept", key, customer_id)
        words = {"name": home.word("Budget", LINE, key), "source": home.word("Income", LINE, key)}
        card = by.ok("POST", "/expense-cards", {"customer_id": customer_id, "amount": 9_000} | words)["id"]
        home.thing("expense_card", key, card)
        item = {"name": home.word("Plan", LINE, key), "category": "food", "amount": 1_000, "planned": True}
        home.thing("expense_item", key, by.ok("POST", f"/expense-cards/{card}/items", item)["id"])
        home.thing("account_paid_out", key, self._pay_out(customer_id))

    def _pay_out(self, customer_id: int) -> int:
        ada, plan = self.home.ada, {"kind": "daily", "contribution": 1_000, "customer_id": customer_id, "cycle_days": 2}
        account_id = ada.ok("POST", "/savings", plan)["id"]
        ada.ok("POST", f"/savings/{account_id}/markings", {"days": 2})
        bank = {
            "bank_code": "100004",
            "account_number": f"{secrets.randbelow(10**10):010d}",
            "account_name": "Somebody",
        }
        payee = ada.ok("POST", "/payment-accounts", {"customer_id": customer_id} | bank)["id"]
        wanted = {"account_id": account_id, "method": "transfer", "payment_account_id": payee}
        request_id = self.collector.ok("POST", "/payments", wanted)["id"]
        ada.ok("POST", f"/payments/{request_id}/approve")
        reference = {"bank_reference": f"FT-{secrets.token_hex(8)}"}
        ada.ok("POST", f"/payments/{request_id}/pay-transfer", reference)
        return account_id


class World:
    """The business under test, another one, and platform staff."""

    def __init__(self, staff: Staff):
        self.app, self.staff = staff.app, staff
        self.home, self.away = Furnished(staff, "home"), Furnished(staff, "away")
        self.moonlighter = self._join_both()
        self._disable(self.home.cast.disabled)
        self.things = self.home.things + self.away.things
        self.canaries = self.home.canaries + self.away.canaries
        self.codes = self.home.codes | self.away.codes

    def _join_both(self) -> Person:
        """An admin of the other business who saves in this one and works in it at the moment."""
        name, phone = "Kemi Moonlighter", new_phone()
        self.away.cast.kemi = Person(self.app, self.away.cast.add("admin", name, phone=phone), phone, PASSWORD)
        member = self.home.cast.add("customer", name, parent=self.home.cast.chidi, phone=phone)
        kemi = self.home.cast.kemi = Person(self.app, member, phone, PASSWORD)
        kemi.ok("POST", "/auth/switch-business", {"business_id": self.home.cast.business_id})
        for kind in ("member", "customer"):
            self.home.thing(kind, "kemi", kemi.id)
        self.home.thing("session", "kemi", kemi.ok("GET", "/auth/sessions")["items"][0]["id"])
        return kemi

    def _disable(self, person: Person) -> None:
        """Deactivate the user as platform staff do, then make everything about their token right again but that."""
        reason = {"reason": self.home.word("Fraud", PLATFORM)}
        self.staff.ok("POST", f"/users/{person.user_id}/deactivate", reason)
        self.old_token, self.old_refresh_token = person.token, person.tokens["refresh_token"]
        with self.app.app_context():
            newest = select(Session.id).where(Session.user_id == person.user_id).order_by(Session.id.desc()).limit(1)
            session_id = db.session.scalar(newest)
            db.session.execute(update(Session).where(Session.id == session_id).values(ended_at=None))
            version = db.session.scalar(select(User.auth_version).where(User.id == person.user_id))
            db.session.commit()
            person.token = issue_access_token(person.user_id, session_id, version)
