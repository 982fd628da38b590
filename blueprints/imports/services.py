"""The verb of importing: all rows of a file or none, in one transaction, by statements that each write all of them."""

import functools
import itertools
from collections.abc import Callable, Iterator

from sqlalchemy import func, insert, select, text

from blueprints.imports import queries
from blueprints.imports.models import Import
from blueprints.imports.rules import (
    MOST_DAYS_PAID,
    MOST_ROWS,
    MOST_SHOWN,
    AlreadyImported,
    Fault,
    HeldIn,
    InvalidRows,
    StillImporting,
    TooManyRows,
    carry_over,
)
from blueprints.savings.services import POLICY, Conditions, conditions_of, make_plan, random_tracking_number
from blueprints.settings.rules import AccountKind
from blueprints.users.rules import WrongParent
from ofektom import audit, callers, clock, green, ledger, ledger_opening
from ofektom.database import verb
from ofektom.errors import Problem
from ofektom.extensions import db
from ofektom.identity import Actor
from ofektom.ledger import Account, Act, Entry, Movement
from ofektom.money import MAX_AMOUNT, priced
from ofektom.schemas import normal_phone

IMPORT_LOCK = 0x0FE72
BATCH = 200  # rows: some 20 ms, after which a worker's other requests have their turn
SLICE = 20_000  # lines: so many ticks at once that PostgreSQL needs little memory for their keys
MOST_PLANS = 128  # remembered; many cards have the same terms
PLAN = ("kind", "contribution", "cycles", "target_amount", "end_date", "start", "weekdays", "cycle_kind", "cycle_days")
Rows = Iterator[tuple[int, dict] | list[Fault]]
Sink = Callable[[list[dict]], None]
OPENING = Account(AccountKind.OPENING_BALANCES)


@verb
def import_rows(
    *,
    actor: Actor,
    rows: Callable[[], Rows],
    digest: str,
    bounded: bool = True,
    check_only: bool = False,
    sink: Sink | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> dict:
    """Import what `rows()` gives, or with `check_only` say what an import would come to; returns the report.

    `rows` is called again when the verb is; `digest` is the file's. Unless it is `bounded` there may be any number of
    rows, and a statement takes as long as it takes. `sink` receives all faults, in pieces; `advance` hears what share
    has been written. An actor without a membership is a command. Raises InvalidRows with the report, AlreadyImported,
    StillImporting, TooManyRows and what `rows` raises.
    """
    _take_turn(actor.business_id, bounded)
    known = queries.known_import(actor.business_id, digest)
    if known is not None:
        raise AlreadyImported(import_id=known)
    queries.begin()
    preparer = _Preparer(actor)
    read = _put_aside(preparer, rows(), bounded)
    queries.check(actor.business_id)
    report = _report(actor, read)
    if sink:
        for piece in queries.fault_pieces():
            sink(piece)
    if check_only:
        return report
    if report["faults_total"]:
        raise InvalidRows(**report)
    act = Act(actor.business_id, preparer.conditions.today, clock.read_now(), actor.membership_id)
    _write(act, preparer.conditions, advance)
    return report | {"import_id": _book(actor, act, digest, report)}


def _take_turn(business_id: int, bounded: bool) -> None:
    """One import of a business at a time."""
    if not bounded:
        db.session.execute(text("SET LOCAL statement_timeout = 0"))
    if not db.session.scalar(select(func.pg_try_advisory_xact_lock(IMPORT_LOCK, func.hashint8(business_id)))):
        raise StillImporting


def _report(actor: Actor, read: int) -> dict:
    found = queries.report()
    shown = priced(found["opening_balances"], actor.currency)
    faults = queries.first_faults(MOST_SHOWN)
    return found | {"import_id": None, "rows": read, "opening_balances_shown": shown, "faults": faults}


def _put_aside(preparer: "_Preparer", rows: Rows, bounded: bool) -> int:
    """Check each row by itself and put it aside, or what is wrong with it; returns how many there were."""
    read = days_paid = 0
    while batch := list(itertools.islice(rows, BATCH)):
        prepared = [row if isinstance(row, list) else preparer.prepare(*row) for row in batch]
        good = [row for row in prepared if isinstance(row, dict)]
        read, days_paid = read + len(batch), days_paid + sum(len(row["days"]) for row in good)
        if bounded and (read > MOST_ROWS or days_paid > MOST_DAYS_PAID):
            raise TooManyRows(most_rows=MOST_ROWS, most_days_paid=MOST_DAYS_PAID)
        queries.add_rows(good)
        queries.add_faults(itertools.chain.from_iterable(row for row in prepared if isinstance(row, list)))
        green.give_way()
    return read


class _Preparer:
    """Makes of a row what is written for it, on the conditions of this moment."""

    def __init__(self, actor: Actor):
        self.conditions = conditions_of(actor)
        self.agents = queries.agents(actor.business_id)
        self._carried = functools.lru_cache(MOST_PLANS)(self._carry)

    def prepare(self, line: int, row: dict) -> dict | list[Fault]:
        """The row for queries.ROW, or its faults."""
        faults = []
        agent_id = self.agents.get(normal_phone(row["agent"]) or row["agent"].lower())
        if agent_id is None:
            faults.append(Fault(line, "agent", "imports.unknown_agent", "No active agent signs in with this."))
        carried = self._carried(*(row[name] for name in PLAN), days_paid=row["days_paid"])
        if isinstance(carried, Problem):
            faults.append(Fault(line, None, carried.code, str(carried)))
        elif row["opening_balance"] < carried["reserved"]:
            owed = f"The card still owes {carried['reserved']} of commission, which this does not cover."
            faults.append(Fault(line, "opening_balance", "imports.commission_not_covered", owed))
        if faults:
            return faults
        own = {"line": line, "agent_id": agent_id, "tracking_number": random_tracking_number()}
        own["customer_key"] = row["phone"] or f"#{line}"
        return row | carried | own

    def _carry(self, *wanted, days_paid: int) -> dict | Problem:
        """What is written of a card with the terms `wanted`, those of PLAN; or why there cannot be one."""
        try:
            plan = make_plan(self.conditions, **dict(zip(PLAN, wanted, strict=True)))
            carried = carry_over(plan, self.conditions.policy, self.conditions.today, days_paid)
        except Problem as refusal:
            return refusal
        terms = {name: getattr(plan.latest, name) for name in ("contribution", "weekdays", "cycles", "end_date")}
        return terms | {
            "target_amount": plan.latest.target_amount,
            "start": plan.start,
            "cycle_kind": plan.cycle_kind,
            "cycle_days": plan.cycle_days,
            "state": carried.state,
            "days": [slot.date for slot in carried.ticks],
            "amounts": [slot.amount for slot in carried.ticks],
            "day_cycles": [slot.cycle for slot in carried.ticks],
            "commission_from": carried.commission_from,
            "reserved": carried.reserved,
        }


_RENUMBER = text(
    "UPDATE import_rows r SET tracking_number = n.number FROM unnest(CAST(:lines AS int[]), CAST(:numbers AS text[]))"
    " AS n (line, number) WHERE r.line = n.line"
)


def _renumber(business_id: int) -> None:
    """Give every card a number that no other has; a race for the same ones ends at the unique constraint."""
    while lines := queries.colliding_lines(business_id):
        numbers = [random_tracking_number() for _ in lines]
        db.session.execute(_RENUMBER, {"lines": lines, "numbers": numbers})


def _next_id(table: str) -> str:
    return f"nextval(pg_get_serial_sequence('{table}', 'id'))"


_CUSTOMERS = f"""
    CREATE TEMPORARY TABLE import_customers ON COMMIT DROP AS
    SELECT c.*, {_next_id("memberships")} AS id, {_next_id("users")} AS user_id
    FROM (SELECT customer_key, min(line) AS line, min(customer_name) AS name, min(phone) AS phone,
              min(agent_id) AS agent_id FROM import_rows GROUP BY 1 ORDER BY 2) c
"""  # noqa: S608 - made of our own SQL
_ACCOUNTS = f"""
    CREATE TEMPORARY TABLE import_accounts ON COMMIT DROP AS
    SELECT r.*, c.id AS customer_id, {_next_id("savings_accounts")} AS id
    FROM (SELECT * FROM import_rows ORDER BY line) r JOIN import_customers c USING (customer_key)
"""  # noqa: S608 - made of our own SQL
# They stay what they are and where they stand until this has ended.
_HOLD_AGENTS = text(
    """
    SELECT count(*) FROM (
        SELECT id FROM memberships WHERE business_id = :business_id AND id IN (SELECT agent_id FROM import_customers)
            AND role IN ('agent', 'sub_agent') AND status IN ('active', 'invited') ORDER BY id FOR SHARE
    ) held
    """
)
_AGENTS = text("SELECT count(DISTINCT agent_id) FROM import_customers")
# In the order of their phones, so that imports of two businesses do not wait for each other in a circle.
_USERS = text(
    """
    INSERT INTO users (id, phone, full_name, auth_version, is_super_admin, is_active)
    SELECT user_id, phone, name, 1, false, true FROM import_customers ORDER BY phone, line
    ON CONFLICT (phone) DO NOTHING
    """
)
_KNOWN_USERS = text(
    "UPDATE import_customers c SET user_id = u.id FROM users u WHERE u.phone = c.phone AND u.id <> c.user_id"
    " RETURNING u.id"
)
# Invited, by a token that nobody has: who is to sign in gets an invitation when somebody sends them one.
_MEMBERS = text(
    """
    INSERT INTO memberships (business_id, id, user_id, role, status, parent_id, full_name, phone, invitation_hash,
        invitation_expires_at)
    SELECT :business_id, id, user_id, 'customer', 'invited', agent_id, name, phone,
        encode(sha256(convert_to(CAST(gen_random_uuid() AS text), 'UTF8')), 'hex'), now()
    FROM import_customers ORDER BY id
    """
)
_SAVINGS = text(
    f"""
    INSERT INTO savings_accounts (business_id, id, customer_id, tracking_number, kind, label, state, credit, start,
        cycle_kind, cycle_days, {", ".join(POLICY)}, commission_from, opening_balance, reference, created_at)
    SELECT :business_id, a.id, a.customer_id, a.tracking_number, a.kind, a.label, a.state, 0, a.start, a.cycle_kind,
        a.cycle_days, {", ".join(f":{name}" for name in POLICY)}, a.commission_from, a.opening_balance, a.reference,
        :at
    FROM import_accounts a ORDER BY a.id
    """  # noqa: S608 - made of our own SQL
)
_TERMS = text(
    """
    INSERT INTO savings_terms (business_id, account_id, effective_from, contribution, weekdays, cycles, target_amount,
        end_date, created_at)
    SELECT :business_id, id, start, contribution, weekdays, cycles, target_amount, end_date, :at FROM import_accounts
    ORDER BY id
    """
)
_TICKS = text(
    """
    INSERT INTO markings (business_id, account_id, slot_date, amount, cycle, status)
    SELECT :business_id, a.id, t.day, t.amount, t.cycle, 'paid'
    FROM import_accounts a, unnest(a.days, a.amounts, a.day_cycles) AS t (day, amount, cycle)
    WHERE a.line > :after AND a.line <= :until ORDER BY a.id, t.day
    """
)
_LAST_LINE = text("SELECT coalesce(max(line), 0) FROM import_accounts")
_POTS = text(
    """
    SELECT a.held_in, CASE a.held_in WHEN 'agent_cash' THEN c.agent_id ELSE 0 END AS owner_id,
        CAST(sum(a.opening_balance) AS bigint) AS amount
    FROM import_accounts a JOIN import_customers c ON c.id = a.customer_id WHERE a.opening_balance > 0
    GROUP BY 1, 2 ORDER BY 1, 2
    """
)


def _write(act: Act, conditions: Conditions, advance: Callable[[float], None]) -> None:
    """Write what was put aside, but for the money. None of it is anything that others wait for."""
    values = {"business_id": act.business_id}
    _renumber(act.business_id)
    for table, statement in (("import_customers", _CUSTOMERS), ("import_accounts", _ACCOUNTS)):
        db.session.execute(text(statement))
        db.session.execute(text(f"ANALYZE {table}"))
    if db.session.scalar(_HOLD_AGENTS, values) != db.session.scalar(_AGENTS):
        raise WrongParent
    db.session.execute(_USERS)
    callers.forget_businesses(*db.session.scalars(_KNOWN_USERS))
    account = values | conditions.policy_columns | {"at": act.at}
    steps = [(_MEMBERS, values), (_SAVINGS, account), (_TERMS, values | {"at": act.at})]
    slices = range(0, db.session.scalar(_LAST_LINE), SLICE)
    steps += [(_TICKS, values | {"after": after, "until": after + SLICE}) for after in slices]
    for statement, parameters in steps:
        db.session.execute(statement, parameters)
        advance(1 / (len(steps) + 1))


def _book(actor: Actor, act: Act, digest: str, report: dict) -> int:
    """Note the import and post its money; returns its id."""
    facts = {name: report[name] for name in ("customers", "accounts", "opening_balances")}
    who = {"business_id": act.business_id, "membership_id": act.membership_id, "at": act.at, "digest": digest}
    import_id = db.session.scalar(insert(Import).values(who | facts).returning(Import.id))
    _post(act, import_id)
    after = facts | {"days_paid": report["days_paid"], "sha256": digest}
    by = actor if actor.membership_id else None
    audit.record("imports.made", "import", import_id, actor=by, business_id=act.business_id, after=after)
    return import_id


def _post(act: Act, import_id: int) -> None:
    """What customers are owed goes onto their accounts, and comes from the pots in which it lies.

    By way of an account that only imports use, so that the pots, which everybody uses, are locked for an instant.
    """
    ledger.open_accounts(act.business_id, [OPENING])
    ledger_opening.open_with_money(
        act,
        OPENING,
        opened_kind=AccountKind.SAVINGS,
        floor=0,
        owners="SELECT id AS owner_id, opening_balance AS amount FROM import_accounts",
        entry_kind="import.opening_balance",
        prefix="opening:",
    )
    movements = [
        Movement(Account(HeldIn(held_in).value, owner_id), OPENING, part)
        for held_in, owner_id, amount in db.session.execute(_POTS)
        for part in _parts(amount)
    ]
    if movements:
        ledger.post(act, Entry("import.held", f"import:{import_id}", movements))


def _parts(amount: int) -> Iterator[int]:
    """An amount in parts that one movement may have."""
    for begun in range(0, amount, MAX_AMOUNT):
        yield min(MAX_AMOUNT, amount - begun)
