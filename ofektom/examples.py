"""Examples for the documentation, made of what is declared: the fields of schemas, and an Example beside a view.

A field's own example is its metadata's `example`; otherwise its type says one. A body's example has the required fields
and those with an example of their own. Ids are those of the sample (`flask sample-data`), where everything is
number 1 unless a view says otherwise; a test sends every example there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from marshmallow import Schema, fields, validate

from ofektom.errors import Problem
from ofektom.schemas import Currency, Digits, EmailAddress, LoginName, Phone

DAY, MOMENT = "2026-11-02", "2026-11-02T09:30:00+00:00"
MONEY = 50_000
# By type, the first that fits.
_VALUES: list[tuple[type[fields.Field], object]] = [
    (Currency, "NGN"),
    (Phone, "+2348031234567"),
    (EmailAddress, "efe.obi@example.com"),
    (LoginName, "efe.obi"),
    (fields.Boolean, True),
    (fields.Date, DAY),
    (fields.DateTime, MOMENT),
    (fields.Float, 0.5),
    (fields.Integer, 1),
    (fields.Dict, {}),
    (fields.String, "text"),
]


@dataclass(frozen=True)
class Example:
    """A request on the sample: what of it the declarations do not say.

    `path`, `query` and `body` come beside or instead of the fields' own; None takes a field away. `file` is a body that
    is no JSON. `by` is the role of who asks, by default the first that may. `refused` is the problem it is answered
    with where no request can be written down that succeeds, and `why` says why not: it needs a secret that nobody
    knows yet, for example.
    """

    path: dict = field(default_factory=dict)
    query: dict = field(default_factory=dict)
    body: dict = field(default_factory=dict)
    file: str = ""
    by: str | None = None
    refused: type[Problem] | None = None
    why: str | None = None

    def __post_init__(self):
        if (self.refused is None) != (self.why is None):
            raise TypeError("an example that is refused says why, and no other does")


NOTHING_MORE = Example()


def of_input(schema: Schema | None, more: dict) -> dict:
    """A body or a query that `schema` takes, with `more` instead of what the fields say."""
    if schema is None:
        return more
    own = {name: _value(item, _inside) for name, item in _named(schema) if item.required or "example" in item.metadata}
    return {name: value for name, value in (own | more).items() if value is not None}


def _inside(schema: Schema) -> dict:
    return of_input(schema, {})


def of_answer(schema: Schema) -> dict:
    """What an answer looks like."""
    return {name: _value(item, of_answer) for name, item in _named(schema) if not item.load_only}


def of_problem(problem: type[Problem]) -> dict:
    """The problem document of a class."""
    document = {"type": "about:blank", "title": problem.title, "status": problem.status, "code": problem.code}
    return document | {"request_id": "0f8fad5bd9cb469fa16570867728950e"}


def _named(schema: Schema) -> list[tuple[str, fields.Field]]:
    return [(item.data_key or name, item) for name, item in schema.fields.items()]


def _value(item: fields.Field, inside: Callable[[Schema], dict]):
    if "example" in item.metadata:
        return item.metadata["example"]
    if isinstance(item, fields.Nested):
        return [inside(item.schema)] if item.many else inside(item.schema)
    if isinstance(item, fields.List):
        return [_value(item.inner, inside)]
    for check in item.validators:
        if isinstance(check, validate.OneOf):
            return next(iter(check.choices))
    if isinstance(item, Digits):
        return "0123456789"[: min(item.lengths)]
    if isinstance(item, fields.Integer) and _is_money(item):
        return MONEY
    return next((value for kind, value in _VALUES if isinstance(item, kind)), None)


def _is_money(item: fields.Field) -> bool:
    return "minor units" in item.metadata.get("description", "") or str(item.name).endswith(("amount", "balance"))
