"""Doing the same in the books and over HTTP, and comparing what both say."""

import copy
import itertools
import re
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from flask import Flask
from hypothesis import note
from sqlalchemy import text

from ofektom.extensions import db
from tests.cast import Answer, Cast, Client, Person
from tests.conftest import Calendar
from tests.model.books import Account, Books, Refused, Rules

FIRST_DAY = date(2027, 3, 1)
REASON = {"reason": "the books say so"}
BANK = {"bank_code": "100004", "account_name": "Somebody"}
_numbers = itertools.count(10**9)


@dataclass(frozen=True)
class Town:
    """Where it happens: an application, a business that all runs share, its clock, and (path, outcome) of all acts."""

    app: Flask
    cast: Cast
    calendar: Calendar
    acts: Counter


class Run:
    """One customer of one collector under rules of their own, in the books and in the service."""

    def __init__(self, town: Town, rules: Rules, limits: tuple[int | None, int | None], *, under_dupe: bool):
        self.town, self.cast, self.rules, self.books = town, town.cast, rules, Books(FIRST_DAY)
        self.two_above, self.expense_above = limits
        self.town.calendar.to(FIRST_DAY)
        self._empty_the_bags()
        self._set_rules()
        self.collector = self.cast.dupe if under_dupe else self.cast.chidi
        self.customer = self.cast.join("customer", "Nneka Obi", parent=self.collector)
        self.bank_id: int | None = None
        self.is_active, self.touched, self.happened = True, 0, True
        self.sent: tuple | None = None
        self.books.pots = Counter(self._ledger())

    def _empty_the_bags(self) -> None:
        """What another run has left must not decide what is possible in this one, or hypothesis cannot repeat it."""
        self.cast.ada.ok("PATCH", "/settings", {"expense_approval_above": None})
        left = self._ledger()
        for who in (self.cast.chidi, self.cast.dupe):
            amount = -left.get(("agent_cash", who.id), 0)
            if amount:
                who.ok("POST", "/expenses", {"amount": amount, "category": "other", "note": "the bag"})

    def _set_rules(self) -> None:
        rules = self.rules
        changes = {"commission_kind": rules.kind, "commission_earned": rules.earned, "commission_value": rules.value}
        changes |= {"commission_cap": rules.cap, "agent_share": rules.agent_share, "cycle_days": rules.cycle_days}
        changes |= {"two_approvers_above": self.two_above, "expense_approval_above": self.expense_above}
        self.cast.ada.ok("PATCH", "/settings", changes | {"cooldown_hours": 0})

    def _ledger(self) -> dict:
        query = text("SELECT kind, owner_id, balance FROM ledger_accounts WHERE business_id = :b AND balance <> 0")
        with self.town.app.app_context(), db.engine.connect() as connection:
            rows = connection.execute(query, {"b": self.cast.business_id})
            return {(kind, owner_id): balance for kind, owner_id, balance in rows}

    def bank_account(self) -> int:
        """The customer's, noted when it is first needed."""
        if self.bank_id is None:
            wanted = BANK | {"customer_id": self.customer.id, "account_number": str(next(_numbers))}
            self.bank_id = self.cast.ada.ok("POST", "/payment-accounts", wanted)["id"]
        return self.bank_id

    def do(self, act: Callable[[Books], object], who: Client, path: str, body: dict | None = None) -> tuple:
        """The same act in the books and by `who` over HTTP: both succeed, or both refuse for the same reason.

        Returns the answer and what the books returned.
        """
        before, result, refusal = copy.deepcopy(self.books), None, None
        try:
            if who is self.customer and not self.is_active:
                raise Refused("auth.no_active_business")
            result = act(self.books)
        except Refused as refused:
            self.books, refusal = before, refused.code
        self.happened, key = True, uuid.uuid4().hex
        note(f"  {getattr(who, 'role', '')} {path} {body or ''}: {refusal or 'done'}")
        answer = who.post(path, body, key=key)
        assert answer.code == refusal, f"the books say {refusal or 'yes'}, the service {answer.body}"
        self.town.acts[re.sub(r"[0-9]+", "ID", path), refusal or "done"] += 1
        if refusal is None:
            self.sent = (who, path, body, key, answer)
        return answer, result

    def send_again(self, *, other: bool) -> None:
        """The last act once more under its key: the same answer, or none for another body; nothing happens."""
        self.happened, (who, path, body, key, first) = True, self.sent
        if who is self.customer and not self.is_active:
            return
        if not other:
            again = who.post(path, body, key=key)
            assert (again.status, again.body) == (first.status, first.body)
            assert again.headers.get("Idempotency-Replayed") == "true"
        elif body:
            name = next(iter(body))
            changed = {"days": 7} if name in ("dates", "amount") else body | {name: _another(body[name])}
            again = who.post(path, changed, key=key)
            assert again.status == 422, again.body

    def compare_pots(self) -> None:
        """Every ledger account, and the four pots as the admin sees them."""
        mine = {pot: amount for pot, amount in self.books.pots.items() if amount}
        assert self._ledger() == mine
        pots = self.cast.ada.ok("GET", "/reports/four-pots")
        owed = sum(amount for (kind, _), amount in mine.items() if kind in ("savings", "payout_hold"))
        bags = -sum(amount for (kind, _), amount in mine.items() if kind == "agent_cash")
        assert (pots["customer_liabilities"], pots["agents_cash"], pots["difference"]) == (owed, bags, 0)

    def compare_card(self, account: Account) -> None:
        """Its card and its statement, to whoever may see it."""
        who: Person = self.customer if self.is_active else self.cast.ada
        card = who.ok("GET", f"/savings/{account.id}/card")
        paid = {slot["date"] for slot in card["slots"] if slot["status"] == "paid"}
        assert paid == {account.day(slot).isoformat() for slot in account.paid}
        assert (card["account"]["state"], card["today"]) == (account.state(), self.books.today.isoformat())
        totals = card["totals"]
        shown = (totals["balance"], totals["credit"], totals["available"])
        assert shown == (account.balance, account.credit, account.available())
        assert totals["slots"] - totals["slots_paid"] == len(account.open_slots())
        statement = who.ok("GET", f"/savings/{account.id}/statement?limit=100")
        assert (statement["balance"], statement["closing_balance"]) == (account.balance, account.balance)
        assert sum(line["amount"] for line in statement["items"]) == account.balance

    def compare_receipt(self, answer: Answer, account: Account, slots: list[int], cash: int, commission: int) -> None:
        """What the customer is told of a marking."""
        days = [account.day(slot).isoformat() for slot in slots]
        told = [slot["date"] for slot in answer["slots"]], answer["amount"], answer["commission"]
        assert told == (days, cash, commission)
        assert (answer["balance"], answer["credit"]) == (account.balance, account.credit)


def _another(value):
    return "another" if isinstance(value, str) else value + 1
