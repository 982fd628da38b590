"""What a thrift business owes and holds, kept by hand: no code of the service, no database.

Written from docs/decisions (5 commission, 7 payouts, 10 the life of an account). Amounts in kobo. Every plan is a daily
one of all seven weekdays without holidays, so that slot k lies k days after the start and in cycle k // N + 1.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

FULL = 10_000  # basis points
NOBODY = 0  # whose the business's own pots are
REVERSAL_TIME, CODE_TIME = timedelta(minutes=15), timedelta(minutes=30)


class Refused(Exception):
    """The act must not happen; `code` is what the service says."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Rules:
    """A business's rules of commission when an account is opened."""

    kind: str
    earned: str
    value: int
    cap: int | None
    agent_share: int
    cycle_days: int


@dataclass
class Collection:
    """Cash taken once: the slots it paid, what it changed of the credit, by whom and when."""

    id: int
    account: "Account"
    cash: int
    credit_change: int
    slots: list[int]
    by: int
    at: timedelta
    reversed: bool = False


@dataclass
class Request:
    """A payout and where it stands. `code` is the last one and since when."""

    id: int
    account: "Account"
    amount: int
    from_credit: int
    method: str
    asked_by: int
    needed: int
    status: str = "requested"
    approved_by: set[int] = field(default_factory=set)
    code: tuple[str, timedelta] | None = None
    guesses: int = 0


@dataclass
class Spending:
    """An expense and where it stands."""

    id: int
    amount: int
    by: int
    pot: tuple[str, int]
    status: str


@dataclass
class Account:
    """A card: what is paid on it, what was taken off it, and what it holds. `collector` and all others are ids."""

    id: int
    collector: int
    rules: Rules
    start: date
    contribution: int
    cycles: int
    paid: set[int] = field(default_factory=set)
    taken: dict[int, tuple[int, int]] = field(default_factory=dict)  # cycle -> (agent's part, business's part)
    balance: int = 0
    credit: int = 0
    ended: bool = False
    is_paid_out: bool = False
    rolled_over: bool = False

    @property
    def slots(self) -> int:
        return self.cycles * self.rules.cycle_days

    def day(self, slot: int) -> date:
        return self.start + timedelta(days=slot)

    def open_slots(self) -> list[int]:
        return [] if self.ended else [slot for slot in range(self.slots) if slot not in self.paid]

    def state(self) -> str:
        if self.is_paid_out:
            return "paid_out"
        if self.ended or not self.open_slots():
            return "completed"
        return "in_progress" if self.paid else "not_started"

    def commission(self, cycle: int) -> int:
        """What a started cycle costs in the end."""
        paid = self.contribution * len(self._paid_in(cycle))
        wanted = {"one_day": self.contribution, "percent": paid * self.rules.value // FULL, "flat": self.rules.value}
        return min(wanted[self.rules.kind], paid, self.rules.cap or paid)

    def _paid_in(self, cycle: int) -> list[int]:
        return [slot for slot in self.paid if slot // self.rules.cycle_days + 1 == cycle]

    def started(self) -> list[int]:
        return sorted({slot // self.rules.cycle_days + 1 for slot in self.paid})

    def due(self, today: date) -> dict[int, int]:
        """What each started cycle owes by now."""
        return {
            cycle: owed for cycle in self.started() if self._is_due(cycle, today) and (owed := self.commission(cycle))
        }

    def _is_due(self, cycle: int, today: date) -> bool:
        finished = self.ended or len(self._paid_in(cycle)) == self.rules.cycle_days
        over = self.day(cycle * self.rules.cycle_days - 1) < today
        return self.rules.earned == "first_mark" or finished or (over and self.rules.kind == "one_day")

    def reserved(self) -> int:
        return sum(self.commission(cycle) for cycle in self.started() if cycle not in self.taken)

    def available(self) -> int:
        return max(0, self.balance - self.reserved())


@dataclass
class Books:
    """All of it. `pots` holds every ledger account by (kind, whose), what is owed above zero and what is held below."""

    first_day: date
    gone_by: timedelta = timedelta()
    pots: Counter = field(default_factory=Counter)
    accounts: list[Account] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    spendings: list[Spending] = field(default_factory=list)

    @property
    def today(self) -> date:
        """It is noon when the books are opened."""
        return self.first_day + timedelta(days=(self.gone_by + timedelta(hours=12)).days)

    def move(self, source: tuple, destination: tuple, amount: int) -> None:
        self.pots[source] -= amount
        self.pots[destination] += amount

    def cash_of(self, who: int) -> int:
        return -self.pots["agent_cash", who]

    def _settle(self, account: Account) -> int:
        """Take the commission that is due and not taken yet; returns how much."""
        total = 0
        for cycle, owed in account.due(self.today).items():
            if cycle not in account.taken:
                # The largest remainder: half a kobo and more goes up, the agent's first.
                part, rest = divmod(owed * account.rules.agent_share, FULL)
                agents = part + (2 * rest >= FULL)
                account.taken[cycle] = (agents, owed - agents)
                self._pay_commission(account, account.taken[cycle], 1)
                total += owed
        return total

    def _pay_commission(self, account: Account, parts: tuple[int, int], sign: int) -> None:
        savings = ("savings", account.id)
        self.move(savings, ("commission_payable", account.collector), sign * parts[0])
        self.move(savings, ("business_income", NOBODY), sign * parts[1])
        account.balance -= sign * sum(parts)

    def collect(self, account: Account, by: int, *, days=None, dates=None, amount=None) -> tuple[list[int], int, int]:
        """(slots paid, cash taken, commission taken) of a marking, oldest open slot first."""
        if account.state() in ("completed", "paid_out"):
            raise Refused("savings.closed")
        slots, cash, credit = self._fill(account, days, dates, amount)
        account.paid |= set(slots)
        account.balance += cash
        self.move(("agent_cash", by), ("savings", account.id), cash)
        commission = self._settle(account)
        self.collections.append(Collection(0, account, cash, credit - account.credit, slots, by, self.gone_by))
        account.credit = credit
        return slots, cash, commission

    def _fill(self, account: Account, days, dates, amount) -> tuple[list[int], int, int]:
        """(slots, cash, credit afterwards)."""
        waiting, price = account.open_slots(), account.contribution
        if amount is not None:
            many = min(len(waiting), (amount + account.credit) // price)
            rest = amount + account.credit - many * price
            if many == len(waiting) and rest:
                raise Refused("markings.beyond_plan")
            return waiting[:many], amount, rest
        if dates:
            if any(slot in account.paid for slot in dates):
                raise Refused("markings.slot_taken")
            if not set(dates) <= set(waiting):
                raise Refused("markings.not_a_slot")
            slots = sorted(set(dates))
        else:
            slots = waiting[: days or 1]
            if len(slots) < (days or 1):
                raise Refused("markings.beyond_plan")
        used = min(account.credit, len(slots) * price)
        return slots, len(slots) * price - used, account.credit - used

    def take_back(self, collection: Collection, by: int, *, is_admin: bool) -> None:
        """Reverse a collection, all of it or nothing."""
        account = collection.account
        in_time = self.gone_by - collection.at <= REVERSAL_TIME
        if not is_admin and not (by == collection.by and in_time):
            raise Refused("markings.reversal_closed")
        if collection.reversed:
            raise Refused("ledger.already_reversed")
        if account.credit < collection.credit_change:
            raise Refused("markings.credit_used")
        if self.cash_of(collection.by) < collection.cash:
            raise Refused("ledger.insufficient_funds")
        account.paid -= set(collection.slots)
        owed = account.due(self.today)
        touched = {slot // account.rules.cycle_days + 1 for slot in collection.slots}
        for cycle in touched & account.taken.keys():
            was, now = sum(account.taken[cycle]), owed.get(cycle, 0)
            if now < was or (account.rules.earned == "cycle_end" and now != was):
                self._pay_commission(account, account.taken.pop(cycle), -1)
        account.balance -= collection.cash
        self.move(("savings", account.id), ("agent_cash", collection.by), collection.cash)
        self._settle(account)
        account.credit -= collection.credit_change
        if account.balance < account.reserved() + account.credit:
            raise Refused("ledger.insufficient_funds")
        account.is_paid_out = account.is_paid_out and account.ended and account.balance == 0
        collection.reversed = True

    def ask(self, account: Account, by: int, amount: int | None, method: str, two_above: int | None) -> Request:
        """Request a payout; None asks for all there is."""
        self._settle(account)
        available = account.available()
        wanted = available if amount is None else amount
        if wanted > available or not available:
            raise Refused("payments.not_available")
        free = max(0, account.balance - account.reserved() - account.credit)
        request = Request(0, account, wanted, max(0, wanted - free), method, by, 1)
        request.needed += two_above is not None and wanted > two_above
        account.credit -= request.from_credit
        account.balance -= wanted
        self.move(("savings", account.id), ("payout_hold", NOBODY), wanted)
        self.requests.append(request)
        return request

    def approve(self, request: Request, by: int) -> None:
        if request.status != "requested":
            raise Refused("payments.wrong_status")
        if by == request.asked_by:
            raise Refused("payments.own_request")
        if by in request.approved_by:
            raise Refused("payments.already_approved")
        request.approved_by.add(by)
        if len(request.approved_by) == request.needed:
            request.status = "approved"

    def give_back(self, request: Request, allowed: tuple[str, ...], status: str) -> None:
        """End a request unpaid."""
        if request.status not in allowed:
            raise Refused("payments.wrong_status")
        request.status = status
        request.account.balance += request.amount
        request.account.credit += request.from_credit
        self.move(("payout_hold", NOBODY), ("savings", request.account.id), request.amount)

    def check_payable(self, request: Request, method: str) -> None:
        if request.method != method:
            raise Refused("payments.wrong_method")
        if request.status != "approved":
            raise Refused("payments.wrong_status")

    def pay_cash(self, request: Request, pot: tuple[str, int], code: str) -> None:
        """For the customer's code, which is good for half an hour; a wrong one costs a guess all the same."""
        self.check_payable(request, "cash")
        if request.code is None or request.code[0] != code or self.gone_by - request.code[1] > CODE_TIME:
            raise Refused("payments.wrong_code")
        self.pay(request, pot, "cash")

    def pay(self, request: Request, pot: tuple[str, int], method: str) -> None:
        """The money leaves."""
        self.check_payable(request, method)
        if pot[0] == "agent_cash" and self.cash_of(pot[1]) < request.amount:
            raise Refused("ledger.insufficient_funds")
        request.status = "paid"
        self.move(("payout_hold", NOBODY), pot, request.amount)
        account = request.account
        waiting = [one for one in self.requests if one.account is account and one.status in ("requested", "approved")]
        if account.state() == "completed" and not account.balance and not waiting:
            account.is_paid_out = True

    def end(self, account: Account) -> None:
        if account.state() in ("completed", "paid_out"):
            raise Refused("savings.closed")
        account.ended = True
        self._settle(account)

    def extend(self, account: Account, cycles: int) -> None:
        if account.ended or account.is_paid_out:
            raise Refused("savings.closed")
        if account.rolled_over:
            raise Refused("savings.already_rolled_over")
        account.cycles += cycles

    def roll_over(self, account: Account) -> Account:
        """The next plan on the same terms: from today, or after the last slot when that is later."""
        if account.state() not in ("completed", "paid_out"):
            raise Refused("savings.not_completed")
        if account.rolled_over:
            raise Refused("savings.already_rolled_over")
        account.rolled_over = True
        start = self.today if account.ended else max(self.today, account.day(account.slots))
        following = Account(0, account.collector, account.rules, start, account.contribution, account.cycles)
        self.accounts.append(following)
        return following

    def spend(self, by: int, pot: tuple[str, int], amount: int, above: int | None) -> Spending:
        """An expense: at once, or above the limit once somebody else approves."""
        spending = Spending(0, amount, by, pot, "requested")
        if above is None or amount <= above:
            self._leave(spending)
        self.spendings.append(spending)
        return spending

    def _leave(self, spending: Spending) -> None:
        if spending.pot[0] == "agent_cash" and self.cash_of(spending.pot[1]) < spending.amount:
            raise Refused("ledger.insufficient_funds")
        self.move(("expenses", NOBODY), spending.pot, spending.amount)
        spending.status = "posted"

    def decide(self, spending: Spending, by: int, *, yes: bool) -> None:
        if spending.status != "requested":
            raise Refused("expenses.wrong_status")
        if not yes:
            spending.status = "rejected"
            return
        if by == spending.by:
            raise Refused("expenses.own_request")
        self._leave(spending)

    def unspend(self, spending: Spending) -> None:
        if spending.status == "reversed":
            raise Refused("ledger.already_reversed")
        if spending.status != "posted":
            raise Refused("expenses.wrong_status")
        spending.status = "reversed"
        self.move(spending.pot, ("expenses", NOBODY), spending.amount)
