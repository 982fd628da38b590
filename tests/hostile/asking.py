"""Sending bad requests, and what every answer to one must be like."""

import functools
import time
import uuid
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson
from marshmallow import Schema, fields, validate

from ofektom.browsers import FIELD
from ofektom.extensions import db
from tests.cast import as_browser, documented, form_of
from tests.isolation.matrix import Cell, Endpoint, cells, endpoint_of
from tests.isolation.people import Persona
from tests.isolation.withheld import Kept
from tests.isolation.world import World

PLACEHOLDER = "@@ the hostile value @@"
KINDS = {
    fields.Integer: "whole",
    fields.String: "text",
    fields.Date: "date",
    fields.DateTime: "date",
    fields.Boolean: "boolean",
    fields.List: "list",
    fields.Nested: "object",
}
TARGET_PLAN = {"contribution": None, "kind": "target", "target_amount": 3_100_000, "end_date": "2027-06-30"}
# What else is good beside the body of the expectations, as changes of it; None takes a field away.
MORE_BODIES = {
    "savings.preview": [TARGET_PLAN],
    "markings.collect": [{"days": None}],
    "savings.change_terms": [{"contribution": None}],
    "savings.extend": [{"cycles": None}],
    "users.add_member": [{"role": "agent", "full_name": "New Agent", "username": "new-agent"}],
}


@dataclass
class Tally:
    """How many requests went out, what was wrong, and the slowest of them."""

    requests: int = 0
    wrong: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


@dataclass(frozen=True)
class Good:
    """A request that would succeed, to be spoiled in one place."""

    endpoint: Endpoint
    cell: Cell
    headers: dict

    def bodies(self, name: str) -> list[dict]:
        """The good bodies to spoil field `name` in: the one that has it, or every one."""
        full = self.cell.body or {}
        if name in full:
            return [full]
        others = [full | changes for changes in MORE_BODIES.get(self.endpoint.name, [])]
        return [full, *({key: value for key, value in body.items() if value is not None} for body in others)]

    @property
    def form(self) -> dict:
        """The good body as the fields of a form."""
        client = self.cell.persona.client
        return (self.cell.body or {}) | {FIELD: form_of(client.app, client.token)}

    @functools.cached_property
    def promised(self) -> set[str]:
        """The error codes that the API's document promises for this request."""
        return documented(self.cell.persona.client.app, self.endpoint.view.methods[0], self.cell.path)


class Adversary:
    """Somebody who is let in and sends what nobody should; every answer is a clean refusal or success, or noted."""

    def __init__(self, kept: Kept | None, tally: Tally):
        self.kept, self.tally = kept, tally

    def send(self, good: Good, label: str, *, codes: Container[str] | None = None, **request) -> int:
        """Send and judge; returns the status. A refusal has one of `codes`, by default of those that are promised."""
        before, began = self.kept and self.kept.commits, time.perf_counter()
        [method] = good.endpoint.view.methods
        headers = {"Idempotency-Key": uuid.uuid4().hex} | good.headers | request.pop("headers", {})
        token = good.cell.persona.client.token
        if good.endpoint.view.page:
            headers = as_browser(good.cell.persona.client.app, token)["headers"] | headers
            if request.pop("json", None) is not None or method == "POST":
                request.setdefault("data", good.form)
        elif token:
            headers.setdefault("Authorization", f"Bearer {token}")
        client = good.cell.persona.client.app.test_client(use_cookies=False)
        options = {"path": good.cell.path, "method": method, "headers": headers} | request
        with client.open(**options) as answer:
            problems = list(judge(answer, codes or good.promised))
        if answer.status_code >= 400 and self.kept and self.kept.commits != before:
            problems.append("refused and yet committed")
        self._count(f"{good.endpoint.name} {label}", time.perf_counter() - began)
        self.tally.wrong += [f"{label}: {answer.status_code} {problem}" for problem in problems]
        return answer.status_code

    def send_raw(self, good: Good, label: str, raw: bytes, **request) -> int:
        """The same with a body of raw bytes."""
        options = {"content_type": "application/json", "query_string": good.cell.query}
        return self.send(good, label, data=raw, **options | request)

    def _count(self, label: str, seconds: float) -> None:
        self.tally.requests += 1
        self.tally.slowest = max(self.tally.slowest, (seconds, label[:160]))


def judge(answer, codes: Container[str]) -> Iterator[str]:
    """What is wrong with an answer, whatever it answers to; a refusal has one of `codes`."""
    text = answer.get_data()
    if answer.status_code >= 500:
        yield f"a server error: {text[:200]!r}"
    if answer.status_code < 400:
        return
    if answer.mimetype != "application/problem+json":
        yield f"no problem document but {answer.mimetype}"
        return
    document = orjson.loads(text)
    if document.get("code") not in codes or document.get("status") != answer.status_code:
        yield f"a code that is not promised: {text[:200]!r}"
    if document.get("code") == "conflict":
        yield "an unforeseen constraint"
    if not document.get("request_id") or document["request_id"] != answer.headers["X-Request-ID"]:
        yield "no request id"
    if len(text) > 20_000:
        yield f"{len(text)} bytes of refusal"


def good_request(world: World, people: list[Persona], name: str) -> Good:
    """A request of an endpoint that succeeds, an admin's where there is a choice."""
    endpoint = endpoint_of(world.app, name)
    fine = [cell for cell in cells(world, people, endpoint) if cell.about == "own" and cell.status < 400]
    admins = [cell for cell in fine if cell.persona.role == "admin"]
    return Good(endpoint, (admins or fine)[0], endpoint.expected.headers(world))


def writable(schema: Schema, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], fields.Field]]:
    """Every field of a schema that can be sent, with its path, the nested ones too."""
    for name, item in schema.fields.items():
        if item.dump_only:
            continue
        where = (*prefix, item.data_key or name)
        yield where, item
        if isinstance(item, fields.Nested):
            yield from writable(item.schema, where)


def spoiled(body: dict, where: tuple[str, ...], raw: bytes) -> bytes:
    """`body` as JSON with the raw text in one place."""
    name, *inner = where
    if inner:
        raw = spoiled(body.get(name, {}), tuple(inner), raw)
    return orjson.dumps(body | {name: PLACEHOLDER}).replace(orjson.dumps(PLACEHOLDER), raw)


def kind_of(item: fields.Field) -> str:
    """The kind of value a field takes."""
    if any(isinstance(check, validate.OneOf) for check in item.validators):
        return "choice"
    return next(kind for sort, kind in KINDS.items() if isinstance(item, sort))


def fits(item: fields.Field, kind: str) -> bool:
    """Whether a value of a kind may be accepted for a field at all."""
    if kind == "null":
        return item.allow_none
    taken = kind_of(item)
    return kind == ("text" if taken in ("date", "choice") else taken)


def query_of(good: Good, name: str, raw: bytes) -> str:
    """The good query string with one raw value."""
    others = {key: value for key, value in good.cell.query.items() if key != name}
    return "&".join([f"{key}={quote(str(value))}" for key, value in others.items()] + [f"{name}={quote(raw, safe='')}"])


def forget_guesses(world: World) -> None:
    """Give everybody their guesses back."""
    with world.app.app_context(), db.engine.begin() as connection:
        connection.execute(db.text("DELETE FROM guess_budgets"))
