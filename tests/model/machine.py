"""What people do to a card, at random and in any order; the service and the books always say the same.

One rule chooses by weight: hypothesis, left to choose among many rules, leaves most of them out of a run, repeats the
simplest, and seldom gets as far as a payout.
"""

import uuid
from datetime import timedelta
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.cast import Person
from tests.model.books import NOBODY, Account, Books, Refused, Rules
from tests.model.both import REASON, Run, Town

POLICIES = [("one_day", "first_mark", 0), ("one_day", "cycle_end", 0), ("percent", "cycle_end", 333)]
POLICIES += [("flat", "first_mark", 6), ("flat", "cycle_end", 900)]
CONTRIBUTIONS = [1_000, 333, 7]
CYCLES, MOST_ACCOUNTS = 3, 3
FREE_GUESSES = 4  # one less than locks a request's code
SPANS = [timedelta(minutes=16), timedelta(days=1), timedelta(days=3)]
ACTS = {"mark": 6, "reverse": 3, "request": 4, "approve": 2, "pay": 2, "give_back": 2, "change_account": 2}
ACTS |= {"spend": 1, "decide_spending": 1, "wait": 2, "change_access": 1, "send_again": 1, "open_another": 1}
Chances = st.randoms(use_true_random=True)


class ThriftMachine(RuleBasedStateMachine):
    """One customer, up to three cards, and everything that people do to them."""

    town: Town

    @initialize(chance=Chances)
    def open_business(self, chance: Random):
        """The rules of this run, and a card with some days paid."""
        cycle_days = chance.choice([1, 2, 3, 5])
        cap, share = chance.choice([None, None, 5]), chance.choice([10_000, 8_000, 3_333, 0])
        kind, earned, value = chance.choice(POLICIES)
        rules = Rules(kind, earned, value, cap, share, cycle_days)
        limits = chance.choice([(None, None), (1_500, 400)])
        self.run = Run(self.town, rules, limits, under_dupe=chance.random() < 0.5)
        self._open(chance.choice(CONTRIBUTIONS), CYCLES, self.run.collector)
        days = {"days": chance.randint(1, CYCLES * cycle_days)}
        self._mark(0, self.run.collector, days, days)

    @rule(chance=Chances)
    def act(self, chance: Random):
        """One of ACTS, if there is what it is about."""
        self.run.happened = False
        [name] = chance.choices(list(ACTS), ACTS.values())
        getattr(self, f"_{name}")(chance)

    @invariant()
    def pots_agree(self):
        if hasattr(self, "run") and self.run.happened:
            self.run.compare_pots()

    @invariant()
    def card_agrees(self):
        if hasattr(self, "run") and self.run.happened:
            self.run.compare_card(self.books.accounts[self.run.touched])

    def teardown(self):
        if hasattr(self, "run"):
            assert self.run.cast.ada.ok("GET", "/reports/trial-balance")["balanced"]
            for account in self.books.accounts:
                self.run.compare_card(account)

    @property
    def books(self) -> Books:
        return self.run.books

    def _staff(self, chance: Random) -> Person:
        """The customer's collector, the agent above them all, or an admin."""
        return chance.choice([self.run.collector, self.run.cast.chidi, self.run.cast.ada])

    def _account(self, chance: Random) -> int:
        self.run.touched = chance.randrange(len(self.books.accounts))
        return self.run.touched

    def _newest(self, things: list, chance: Random) -> int:
        """Mostly the last."""
        return len(things) - 1 if chance.random() < 0.7 else chance.randrange(len(things))

    # Cards

    def _open_another(self, chance: Random) -> None:
        if len(self.books.accounts) < MOST_ACCOUNTS:
            self._open(chance.choice(CONTRIBUTIONS), chance.randint(1, 2), self._staff(chance))

    def _open(self, contribution: int, cycles: int, who: Person) -> None:
        run = self.run
        body = {"kind": "daily", "contribution": contribution, "cycles": cycles, "customer_id": run.customer.id}

        def act(books: Books) -> None:
            if not run.is_active:
                raise Refused("savings.not_a_customer")
            books.accounts.append(Account(0, run.collector.id, run.rules, books.today, contribution, cycles))

        answer, _ = run.do(act, who, "/savings", body)
        if answer.status == 201:
            self.books.accounts[-1].id = answer["id"]

    def _change_account(self, chance: Random) -> None:
        at, cycles = self._account(chance), chance.randint(1, 2)
        path = f"/savings/{self.books.accounts[at].id}"
        how = chance.choice(["extend", "extend", "end", "roll-over"])
        if how == "extend":
            act = lambda books: books.extend(books.accounts[at], cycles)  # noqa: E731
            self.run.do(act, self.run.collector, f"{path}/extend", {"cycles": cycles})
        elif how == "end":
            self.run.do(lambda books: books.end(books.accounts[at]), self.run.collector, f"{path}/end", REASON)
        elif len(self.books.accounts) < MOST_ACCOUNTS:
            act = lambda books: books.roll_over(books.accounts[at])  # noqa: E731
            answer, _ = self.run.do(act, self.run.collector, f"{path}/roll-over")
            if answer.status == 201:
                self.books.accounts[-1].id = answer["id"]

    # Markings

    def _mark(self, at: int | Random, who: Person | None = None, body: dict | None = None, wanted: dict | None = None):
        if isinstance(at, Random):
            at, who, body, wanted = self._marking(at)
        run = self.run

        def act(books: Books):
            if not run.is_active and books.accounts[at].state() not in ("completed", "paid_out"):
                raise Refused("savings.not_a_customer")
            return books.collect(books.accounts[at], who.id, **wanted)

        path = f"/savings/{self.books.accounts[at].id}/markings"
        tried = who.post(f"{path}?dry_run=true", body)
        answer, result = run.do(act, who, path, body)
        assert tried.code == answer.code, "the rehearsal said something else"
        if answer.status == 201:
            run.compare_receipt(answer, self.books.accounts[at], *result)
            self.books.collections[-1].id = answer["collection_id"]

    def _marking(self, chance: Random) -> tuple[int, Person, dict, dict]:
        """(which account, by whom, what the service is told, what the books are told)."""
        at, who, many = self._account(chance), self._staff(chance), chance.randint(1, 5)
        account, how = self.books.accounts[at], chance.choice(["days", "amount", "dates"])
        if how == "dates":
            slots = [chance.randrange(account.slots), chance.randrange(account.slots + 2)]
            return at, who, {"dates": [account.day(slot).isoformat() for slot in slots]}, {"dates": slots}
        told = {how: many * account.contribution + chance.choice([0, 300, 5]) if how == "amount" else many}
        return at, who, told, told

    def _reverse(self, chance: Random) -> None:
        at, who = self._newest(self.books.collections, chance), self._staff(chance)
        path = f"/collections/{self.books.collections[at].id}/reversal"
        self.run.touched = self.books.accounts.index(self.books.collections[at].account)
        is_admin = who is self.run.cast.ada
        self.run.do(lambda books: books.take_back(books.collections[at], who.id, is_admin=is_admin), who, path, REASON)

    # Payouts

    def _request(self, chance: Random) -> None:
        """Ask for money; and every second time all that follows, down to the money."""
        run, at, method = self.run, self._account(chance), chance.choice(["cash", "cash", "transfer"])
        who, amount = chance.choice([run.customer, self._staff(chance)]), chance.choice([None, 1, 100, 500, 2_000])
        body = {"account_id": self.books.accounts[at].id, "method": method}
        body |= {"amount": amount} if amount else {}
        body |= {"payment_account_id": run.bank_account()} if method == "transfer" else {}
        ask = lambda books: books.ask(books.accounts[at], who.id, amount, method, run.two_above)  # noqa: E731
        answer, request = run.do(ask, who, "/payments", body)
        if answer.status != 201:
            return
        request.id = answer["id"]
        assert (answer["amount"], answer["approvals_needed"]) == (request.amount, request.needed)
        if chance.random() < 0.5:
            self._carry_through(chance)

    def _carry_through(self, chance: Random) -> None:
        at = len(self.books.requests) - 1
        for who in (self.run.cast.bola, self.run.cast.ada):
            self._approve(at, who)
        if self.books.requests[at].method == "cash":
            self._make_code(at)
            self._pay_cash(at, self._staff(chance), right=True)
        else:
            self._pay_transfer(at)

    def _approve(self, at: int | Random, who: Person | None = None) -> None:
        if isinstance(at, Random):
            if not self.books.requests:
                self._request(at)
                return
            at, who = self._newest(self.books.requests, at), at.choice([self.run.cast.ada, self.run.cast.bola])
        path = f"/payments/{self.books.requests[at].id}/approve"
        self.run.do(lambda books: books.approve(books.requests[at], who.id), who, path)

    def _give_back(self, chance: Random) -> None:
        if not self.books.requests:
            self._request(chance)
            return
        run, at = self.run, self._newest(self.books.requests, chance)
        how = chance.choice(["reject", "cancel", "fail"])
        who = chance.choice([run.cast.ada, run.customer, run.collector]) if how == "cancel" else run.cast.bola

        def act(books: Books) -> None:
            request = books.requests[at]
            if how == "cancel" and who not in (run.cast.ada, run.customer) and who.id != request.asked_by:
                raise Refused("payments.not_yours")
            if how == "fail" and request.method != "transfer":
                raise Refused("payments.wrong_method")
            allowed = {"reject": ("requested",), "cancel": ("requested", "approved"), "fail": ("approved",)}[how]
            books.give_back(request, allowed, how)

        run.do(act, who, f"/payments/{self.books.requests[at].id}/{how}", REASON)

    def _pay(self, chance: Random) -> None:
        if not self.books.requests:
            self._request(chance)
            return
        at, how = self._newest(self.books.requests, chance), chance.choice(["code", "cash", "cash", "transfer"])
        if how == "code":
            self._make_code(at)
        elif how == "cash":
            self._pay_cash(at, self._staff(chance), right=chance.random() < 0.7)
        else:
            self._pay_transfer(at)

    def _make_code(self, at: int) -> None:
        path = f"/payments/{self.books.requests[at].id}/code"
        act = lambda books: books.check_payable(books.requests[at], "cash")  # noqa: E731
        answer, _ = self.run.do(act, self.run.customer, path)
        self.run.sent = None  # a code is made anew each time
        if answer.status == 201:
            self.books.requests[at].code = (answer["code"], self.books.gone_by)

    def _pay_cash(self, at: int, who: Person, *, right: bool) -> None:
        request = self.books.requests[at]
        if request.guesses >= FREE_GUESSES:
            return
        code = request.code[0] if request.code else "123456"
        code = code if right else f"{(int(code) + 1) % 10**6:06d}"
        pot = ("business_cash", NOBODY) if who is self.run.cast.ada else ("agent_cash", who.id)
        path, act = f"/payments/{request.id}/pay-cash", lambda books: books.pay_cash(books.requests[at], pot, code)
        answer, _ = self.run.do(act, who, path, {"code": code})
        self.books.requests[at].guesses += answer.code == "payments.wrong_code"

    def _pay_transfer(self, at: int) -> None:
        body = {"bank_reference": f"FT-{uuid.uuid4().hex}"}
        path = f"/payments/{self.books.requests[at].id}/pay-transfer"
        act = lambda books: books.pay(books.requests[at], ("bank", NOBODY), "transfer")  # noqa: E731
        self.run.do(act, self.run.cast.ada, path, body)

    # Expenses

    def _spend(self, chance: Random) -> None:
        who, amount = self._staff(chance), chance.choice([3, 300, 450])
        pot = ("business_cash", NOBODY) if who is self.run.cast.ada else ("agent_cash", who.id)
        body = {"amount": amount, "category": "fuel", "note": "petrol"}
        act = lambda books: books.spend(who.id, pot, amount, self.run.expense_above)  # noqa: E731
        answer, spending = self.run.do(act, who, "/expenses", body)
        if answer.status == 201:
            spending.id = answer["id"]

    def _decide_spending(self, chance: Random) -> None:
        if not self.books.spendings:
            self._spend(chance)
            return
        at, how = self._newest(self.books.spendings, chance), chance.choice(["approve", "reject", "reversal"])
        who = chance.choice([self.run.cast.ada, self.run.cast.bola])

        def act(books: Books) -> None:
            if how == "reversal":
                books.unspend(books.spendings[at])
            else:
                books.decide(books.spendings[at], who.id, yes=how == "approve")

        path = f"/expenses/{self.books.spendings[at].id}/{how}"
        self.run.do(act, who, path, None if how == "approve" else REASON)

    # Time, people and retries

    def _wait(self, chance: Random) -> None:
        self.run.happened, span = True, chance.choice(SPANS)
        self.books.gone_by += span
        self.town.calendar.forward(seconds=span.total_seconds())

    def _change_access(self, chance: Random) -> None:
        """Shut the customer out, or let them in again."""
        run = self.run
        if run.is_active and chance.random() < 0.6:
            return
        verb = "deactivate" if run.is_active else "reactivate"
        run.cast.ada.ok("POST", f"/members/{run.customer.id}/{verb}", REASON)
        run.is_active, run.happened = not run.is_active, True

    def _send_again(self, chance: Random) -> None:
        if self.run.sent:
            self.run.send_again(other=chance.random() < 0.4)
