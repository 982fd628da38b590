"""What people were told against what the database holds."""

import hashlib
import random
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

from bench.faults.acts import Journal, Line, identity
from tests.cast import Cast
from tests.concurrency.race import rows, verify

# For each kind of act the rows that it leaves, by the id that is acknowledged; `mine` are the accounts of the people.
EFFECTS = {
    "marking": "SELECT id FROM collections WHERE account_id = ANY(:mine)",
    "reversal": "SELECT id FROM collections WHERE account_id = ANY(:mine) AND reversed_at IS NOT NULL",
    "request": "SELECT id FROM payment_requests WHERE account_id = ANY(:mine)",
    "approval": """
        SELECT a.request_id AS id FROM payment_approvals a JOIN payment_requests r
            ON (r.business_id, r.id) = (a.business_id, a.request_id) WHERE r.account_id = ANY(:mine)
    """,
    "transfer": "SELECT id FROM payment_requests WHERE account_id = ANY(:mine) AND status = 'paid'",
    "expense": "SELECT id FROM expenses WHERE note = 'a drill' AND :mine IS NOT NULL",
}
# What each leaves besides: its row in the audit trail, and the entry that moved the money.
AUDIT = {
    "marking": "markings.collected",
    "reversal": "markings.reversed",
    "request": "payments.requested",
    "approval": "payments.approved",
    "transfer": "payments.paid",
    "expense": "expenses.posted",
}
REPLAYED = 300  # of what was answered at the first try, this many are asked again; of the rest all are


@dataclass
class Findings:
    """What was found wrong, and how much was looked at."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    replayed: int = 0
    verified: int = 0

    @property
    def total(self) -> int:
        return sum(map(len, (self.lost, self.doubled, self.wrong, self.unbalanced)))


def check_books(findings: Findings, cast: Cast, when: str) -> None:
    """Let `flask verify` look."""
    findings.verified += 1
    said = verify(cast.app)
    if said.exit_code:
        findings.unbalanced.append(f"{when}: {said.output[-500:]}")


def compare(findings: Findings, cast: Cast, journal: Journal, accounts: list[int], before: dict) -> None:
    """Every acknowledged act has its effect, and its row in the audit trail, once; no other act has any."""
    findings.lost, findings.doubled = [], []
    for kind in EFFECTS:
        told = Counter(identity(act, body) for act, body in journal.of_kind(kind))
        for what, found in (("row", effects(cast, kind, accounts)), ("audit row", audited(cast, kind))):
            kept = found - before[kind, what]
            findings.lost += [f"{kind} {one}: no {what}" for one in (told - kept).elements()]
            findings.doubled += [f"{kind} {one}: a {what} too many" for one in (kept - told).elements()]
    findings.wrong = list(journal.wrong)


def state(cast: Cast, accounts: list[int]) -> dict:
    """What there is already before anybody begins."""
    found = {(kind, "row"): effects(cast, kind, accounts) for kind in EFFECTS}
    return found | {(kind, "audit row"): audited(cast, kind) for kind in EFFECTS}


def effects(cast: Cast, kind: str, accounts: list[int]) -> Counter[int]:
    """How often each id has the effect of an act."""
    return Counter(row["id"] for row in rows(cast.app, EFFECTS[kind], mine=accounts))


def audited(cast: Cast, kind: str) -> Counter[int]:
    """How often the audit trail names each id for an act."""
    query = "SELECT object_id AS id FROM audit_events WHERE business_id = :b AND action = :action"
    return Counter(row["id"] for row in rows(cast.app, query, b=cast.business_id, action=AUDIT[kind]))


def replay(findings: Findings, journal: Journal, port: int, draw: random.Random) -> None:
    """Ask again, with the same key, whatever was not answered at the first try and some of the rest: the same bytes."""
    sure = [key for key in journal.known if key not in journal.doubtful]
    with closing(Line(port)) as line:
        for key in [*journal.doubtful, *draw.sample(sure, min(REPLAYED, len(sure)))]:
            act, body, digest = journal.known[key]
            reply = line.post(act)
            findings.replayed += 1
            same = reply.status == act.status and hashlib.sha256(reply.body).hexdigest() == digest
            if body is not None and not (same and reply.headers.get("Idempotency-Replayed") == "true"):
                journal.mistaken(f"{act.kind} asked again: {reply.status} {reply.body[:300]!r}")
