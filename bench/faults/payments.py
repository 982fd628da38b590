"""Payments that race: crowds ask for the same money, decide the same request and pay the same transfer, all at once."""

import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from bench.faults.acts import CODES, Act, Line, Reply, code_of
from bench.faults.checks import Findings, check_books
from bench.faults.site import Site
from tests.concurrency.race import rows

CROWDS, AT_ONCE, ACCOUNTS = 2, 16, 20
# What those are told who come too late, or who wait too long for the row that everybody wants.
REFUSALS = {"payments.not_available", "payments.wrong_status", "payments.already_approved"} | CODES
# After these it may have happened all the same.
UNKNOWN = ("payment: outcome.unknown", "payment: request.deadline")
OVERDRAWN = "SELECT owner_id FROM ledger_accounts WHERE kind = 'savings' AND balance < 0"
# Of a customer's account after each movement there ever was, whichever side of it that was on.
LOWEST = """
    SELECT min(CASE WHEN a.id = p.source_id THEN p.source_balance ELSE p.destination_balance END) AS balance
    FROM ledger_accounts a JOIN ledger_postings p ON p.business_id = a.business_id
        AND a.id IN (p.source_id, p.destination_id) WHERE a.kind = 'savings'
"""
PAID = "SELECT count(*) AS n FROM payment_requests WHERE account_id = ANY(:mine) AND status = 'paid'"


class Crowd:
    """So many connections that send together, to one account of theirs after the other."""

    def __init__(self, site: Site, stack: ExitStack):
        self.cast, self.payee = site.cast, site.people[0].payee
        plan = {"cycle_days": 366, "cycles": 2}
        self.accounts = [self.cast.open_account(self.cast.funke, **plan)["id"] for _ in range(ACCOUNTS)]
        self.lines = [stack.enter_context(closing(Line(site.port))) for _ in range(AT_ONCE)]
        self.pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.attempts = self.paid = 0

    def until(self, attempts: int, deadline: float) -> None:
        """Round after round, until there are so many attempts or it is so late."""
        for account_id in itertools.cycle(self.accounts):
            if self.attempts >= attempts or time.monotonic() > deadline or len(self.wrong) >= 20:
                return
            self.round(account_id)

    def round(self, account_id: int) -> None:
        """A day's money comes; all ask for all of it, all decide, all pay it. At most one of each may succeed."""
        ada, bola, chidi, funke = self.cast.ada, self.cast.bola, self.cast.chidi, self.cast.funke
        self.lines[0].post(act("marking", chidi, f"/savings/{account_id}/markings", {"days": 1}, 201))
        wanted = {"account_id": account_id, "method": "transfer", "payment_account_id": self.payee}
        asked = [act("request", (chidi, funke)[n % 2], "/payments", wanted, 201) for n in range(AT_ONCE)]
        for reply in self.together(asked):
            path = f"/payments/{json.loads(reply.body)['id']}"
            self.together([act("approval", (ada, bola)[n % 2], f"{path}/approve", {}, 200) for n in range(AT_ONCE)])
            references = [{"bank_reference": f"RACE-{uuid.uuid4().hex[:16].upper()}"} for _ in range(AT_ONCE)]
            self.paid += len(
                self.together([act("payment", ada, f"{path}/pay-transfer", one, 200) for one in references])
            )

    def together(self, acts: list[Act]) -> list[Reply]:
        """Send all at once; the answers of those that were granted."""
        replies = list(self.pool.map(lambda line, one: line.post(one), self.lines, acts))
        self.attempts += len(replies)
        granted = [reply for reply in replies if reply.status == acts[0].status]
        for reply in replies:
            said = "granted" if reply.status == acts[0].status else code_of(reply)
            self.answers[f"{acts[0].kind}: {said}"] += 1
            if said not in REFUSALS | {"granted"}:
                self.wrong.append(f"{acts[0].kind}: {reply.status} {reply.body[:300]!r}")
        if len(granted) > 1:
            self.wrong.append(f"{acts[0].path}: granted {len(granted)} times")
        return granted


def act(kind: str, who, path: str, body: dict, status: int) -> Act:
    """An act under a key of its own: no two attempts are the same."""
    return Act(kind, who.token, path, body, status, uuid.uuid4().hex)


def run(site: Site, attempts: int, minutes: float, say: Callable[[str], None]) -> dict:
    """Let crowds race for so many attempts in all, and so many minutes at most; the figures."""
    began, findings = time.monotonic(), Findings()
    with ExitStack() as stack:
        stack.enter_context(site.redis.running())
        crowds = [Crowd(site, stack) for _ in range(CROWDS)]
        with ThreadPoolExecutor(CROWDS) as side_by_side:
            list(side_by_side.map(lambda crowd: crowd.until(attempts // CROWDS, began + minutes * 60), crowds))
    check_books(findings, site.cast, "payments")
    overdrawn = rows(site.cast.app, OVERDRAWN)
    [lowest] = rows(site.cast.app, LOWEST)
    wrong = [each for crowd in crowds for each in crowd.wrong]
    [kept] = rows(site.cast.app, PAID, mine=[one for crowd in crowds for one in crowd.accounts])
    answers, paid = sum((crowd.answers for crowd in crowds), Counter()), sum(crowd.paid for crowd in crowds)
    if not paid <= kept["n"] <= paid + sum(answers[name] for name in UNKNOWN):
        wrong.append(f"{kept['n']} requests are paid, {paid} were acknowledged")
    tried = sum(crowd.attempts for crowd in crowds)
    say(f"  {tried} attempts, {len(overdrawn)} overdrawn, {len(wrong)} wrong answers")
    return {
        "what": f"payment requests, approvals and payments, {AT_ONCE} at once on one account, {CROWDS} side by side",
        "faults": {"attempts": tried},
        "answers": dict(answers),
        "overdrawn": [row["owner_id"] for row in overdrawn] + ([lowest] if lowest["balance"] < 0 else []),
        "wrong answers": wrong[:20],
        "unbalanced": findings.unbalanced,
        "seconds": round(time.monotonic() - began, 1),
    }
