"""Schemathesis over the served document as one caller: every check of it and ours, and what it came to."""

import itertools
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

import orjson
import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation as Place
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import StatefulPhaseData
from schemathesis.openapi.checks import RejectedPositiveData

from tests.fuzz.callers import Caller, chance_of

DOCUMENT = "/api/v1/openapi.json"
PROBLEM = "application/problem+json"
KEY = "Idempotency-Key"
# What is said of values that fit the schema: of fields that do not go together, and of what only we can make or know.
BEYOND_SCHEMA = {
    "Needed for this kind.",
    "Not for this kind.",
    "Give only one of days, dates and amount.",
    "Lies before `from`.",
    "Not a cursor of this list.",
    "Not a Nigerian mobile number.",
}
# To JSON Schema 1.0 is an integer, to us it is not.
NO_INTEGER = "Not a valid integer."
EXAMPLES, PARTS = 16, 3
PATIENCE_SECONDS = 60  # the service gives up sooner; on a busy machine it may have to wait for its turn
PHASES = ("examples", "coverage", "fuzzing", "stateful")


@dataclass
class Tally:
    """What one caller sent and what came back; failures by what failed where, with how often and how to see it."""

    statuses: Counter = field(default_factory=Counter)
    phases: Counter = field(default_factory=Counter)
    accepted: Counter = field(default_factory=Counter)  # of each phase
    failures: dict[tuple[str, str, str], tuple[int, str]] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    def share(self, hundred: int) -> float:
        """The share of answers from `hundred` to `hundred` + 99."""
        found = sum(count for status, count in self.statuses.items() if status // 100 == hundred // 100)
        return found / max(1, self.requests)

    def add(self, event) -> None:
        """Take a note of an event of the engine."""
        if isinstance(event, events.ScenarioFinished):
            self._add_scenario(event)
        elif isinstance(event, events.NonFatalError):
            self._fail(
                ("engine", event.label, str(event.value)), f"{event.phase} {getattr(event.value, '__notes__', '')}"
            )
        elif isinstance(event, events.FatalError):
            raise event.exception

    def _add_scenario(self, event: events.ScenarioFinished) -> None:
        recorder = event.recorder
        self.phases[event.phase.value] += len(recorder.interactions)
        for interaction in recorder.interactions.values():
            status = interaction.response.status_code if interaction.response else 0
            self.statuses[status] += 1
            self.accepted[event.phase.value] += 200 <= status < 300
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info:
                    failure, label = check.failure_info.failure, recorder.cases[case_id].value.operation.label
                    answer = recorder.interactions[case_id].response
                    seen = f"{check.failure_info.code_sample}\n{answer.content[:400] if answer else 'no answer'}"
                    self._fail((check.name, label, failure.message[:300]), seen)

    def _fail(self, what: tuple[str, str, str], seen: str) -> None:
        count, first = self.failures.get(what, (0, seen))
        self.failures[what] = count + 1, first


schemathesis.openapi.format("date", st.dates(date(2000, 1, 1), date(2100, 12, 31)).map(date.isoformat))


class _Present:
    """Who calls at the moment: what schemathesis has only once, its hooks and checks, asks here."""

    caller: Caller


@dataclass(frozen=True)
class Effort:
    """With which seed, how many examples of each operation in a phase, in which phases, and of which operations: with
    several `parts` those of number `part`.
    """

    seed: int
    examples: int
    phases: tuple[str, ...] = PHASES
    parts: int = 1
    part: int = 0

    def includes(self, context) -> bool:
        """Whether it is about an operation."""
        return zlib.crc32(context.operation.label.encode()) % self.parts == self.part % self.parts


def run(url: str, caller: Caller, effort: Effort, tally: Tally) -> None:
    """Have schemathesis call every operation at `url` as `caller`, and count it."""
    settings = {
        "seed": effort.seed,
        "workers": 1,
        "request-timeout": PATIENCE_SECONDS,
        "cache": {"enabled": False},
        "generation": {"max-examples": effort.examples, "database": "none"},
        "phases": {name: {"enabled": name in effort.phases} for name in PHASES},
    }
    schema = schemathesis.openapi.from_url(
        url + DOCUMENT, config=SchemathesisConfig.from_dict(settings), timeout=PATIENCE_SECONDS
    )
    schema = schema.include(effort.includes)
    _Present.caller = caller
    if caller.persona.role:
        schema.auth(refresh_interval=None)(_Auth)
    for event in from_schema(schema).execute():
        tally.add(event)


def run_role(url: str, caller: Caller, *, seed: int, requests: int, part: int) -> Tally:
    """At least so many requests of one caller: examples of every operation and chains of calls; the edges of every
    schema, for one part of the operations after the other, from number `part` on; then more examples.
    """
    tally, fuzzing = Tally(), Effort(seed, EXAMPLES, ("examples", "fuzzing", "stateful"))
    edges = [replace(fuzzing, phases=("coverage",), parts=PARTS, part=part + number) for number in range(PARTS)]
    more = (replace(fuzzing, seed=seed + number) for number in itertools.count(1))
    for effort in itertools.chain([fuzzing], edges, more):
        run(url, caller, effort, tally)
        if tally.requests >= requests:
            break
    return tally


class _Auth:
    def get(self, case, context) -> str:
        return _Present.caller.token()

    def set(self, case, token: str, context) -> None:
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """Name things that are there, in a part of the request that is not meant to be bad; and mostly a new key.

    A chain of calls names what it has made itself.
    """
    chance = chance_of(case.operation.label, case.path_parameters, case.query, case.body)
    chained = case.meta is not None and isinstance(case.meta.phase.data, StatefulPhaseData)
    places = {Place.PATH: case.path_parameters, Place.QUERY: case.query, Place.BODY: case.body}
    for place, values in () if chained else places.items():
        if isinstance(values, dict) and not (case.meta and case.meta.is_negative_at(place)):
            values |= _Present.caller.put_names(values, chance)
    takes_key = any(parameter.name == KEY for parameter in case.operation.headers)
    if takes_key and not (case.meta and case.meta.is_negative_at(Place.HEADER)) and chance(KEY) % 8:
        case.headers[KEY] = uuid.uuid4().hex


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    """Whether a failure counts. Two kinds do not, for no schema can say what they are about.

    A well-formed request may be refused by a rule of the domain, which has a code of its own, or for values that do not
    go together. And text is measured after it is trimmed: one that is too long with the blanks around it may not be.
    """
    if isinstance(failure, AcceptedNegativeData):
        return not ("larger than maxLength" in failure.message and _has_padding([case.query, case.body]))
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = orjson.loads(response.content)
    if problem["code"] == "idempotency.key_required":  # a key is optional in the document where a rehearsal needs none
        return not any(parameter.name == "dry_run" for parameter in case.operation.query)
    if problem["code"] != "request.invalid":
        return problem["code"] == "request.malformed"
    excused = BEYOND_SCHEMA | ({NO_INTEGER} if _has_float(case.body) else set())
    return not set(_messages(problem.get("errors", {}))) <= excused


def _has_padding(value) -> bool:
    """Whether any text in `value` begins or ends with blanks."""
    if isinstance(value, dict | list):
        return any(map(_has_padding, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and value != value.strip()


def _has_float(value) -> bool:
    """Whether a number with a point is anywhere in `value`."""
    if isinstance(value, dict | list):
        return any(map(_has_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


def _messages(errors) -> Iterator[str]:
    for value in errors.values() if isinstance(errors, dict) else errors:
        if isinstance(value, str):
            yield value
        else:
            yield from _messages(value)


class UndocumentedCode(Failure):
    """A problem of a code that the document does not name for this answer."""


@schemathesis.check
def code_conformance(ctx, response, case) -> None:
    """A refusal has a code that the document names beside its status."""
    if (
        response.headers.get("content-type", [""])[0] != PROBLEM
        or response.request.method != case.operation.method.upper()
    ):
        return
    code = orjson.loads(response.content)["code"]
    described = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    if code not in described.get("x-codes", ()):
        raise UndocumentedCode(
            operation=case.operation.label, title="Undocumented code", message=f"{response.status_code} {code}"
        )


class Leak(Failure):
    """Something in an answer that the caller may not read."""


@schemathesis.check
def isolation(ctx, response, case) -> None:
    """An answer has nothing in it that its caller may not read."""
    persona, text = _Present.caller.persona, response.content.decode("utf-8", "replace")
    for canary in _Present.caller.canaries:
        if canary.text in text and not persona.may_read(canary):
            raise Leak(operation=case.operation.label, title="Leak", message=f"{canary.text!r} of {canary.subject}")
