"""Compiled schemas say what marshmallow says, of every answer of a day."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from flask import g
from marshmallow import Schema, fields, post_dump

from blueprints.settings.schemas import Weekdays
from ofektom import http
from ofektom.dumping import compiled
from ofektom.schemas import Currency
from tests.blueprints import test_statements as day
from tests.cast import Cast


class Item(Schema):
    currency = Currency()
    amount = fields.Integer()
    on = fields.Date(allow_none=True)
    weekdays = Weekdays()


class Order(Schema):
    id = fields.Integer(data_key="number")
    name = fields.String(attribute="title")
    at = fields.DateTime()
    items = fields.List(fields.Nested(Item))
    first = fields.Nested(Item, allow_none=True)
    tags = fields.List(fields.String())
    extra = fields.Dict()


ITEM = {"amount": 7, "on": date(2027, 1, 31), "weekdays": 0b1000001, "hidden": 1}
ORDER = {
    "id": 1,
    "title": "ünï",
    "at": datetime(2027, 1, 31, 23, 59, 1, 500, UTC),
    "items": [ITEM, ITEM | {"on": None, "weekdays": None}],
    "first": None,
    "tags": ["a"],
    "extra": {"deep": [1]},
    "hidden": "secret",
}


class Single(Schema):
    items = fields.List(fields.Nested(Item))


class Hooked(Schema):
    a = fields.Integer()
    b = fields.Integer()

    @post_dump
    def add(self, data, **kwargs):
        return data | {"sum": data["a"] + data["b"]}


@pytest.fixture
def in_request(app):
    with app.test_request_context():
        g.actor = SimpleNamespace(currency="NGN")
        yield


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (Order(), ORDER),
        (Order(), ORDER | {"first": ITEM, "items": []}),
        (Order(), {name: value for name, value in ORDER.items() if name != "at"}),
        (Order(), SimpleNamespace(**ORDER)),
        (Order(only=("id", "name")), ORDER),
        (Single(), {"items": [ITEM]}),
        (Hooked(), {"a": 1, "b": 2}),
    ],
)
def test_it_says_what_marshmallow_says(in_request, schema, row):
    assert http.encode(compiled(schema)(row)) == http.encode(schema.dump(row))


def test_sums_of_whole_numbers_are_whole_and_nothing_else_becomes_a_number():
    assert http.encode({"total": Decimal("9007199254740993")}) == b'{"total":9007199254740993}'
    for value in (Decimal("0.5"), object()):
        with pytest.raises(TypeError):
            http.encode({"total": value})


def test_every_answer_of_a_day_is_what_marshmallow_makes_of_it(app, staff, monkeypatch):
    compared = set()

    def checked(view):
        fast = compiled(view.answer)

        def dump(result):
            made, expected = fast(result), view.answer.dump(result)
            assert http.encode(made) == http.encode(expected), view.function.__name__
            compared.add(view.function.__name__)
            return made

        return dump

    views = [function.view for function in app.view_functions.values() if getattr(function, "view", None)]
    for view in views:
        if view.answer:
            monkeypatch.setitem(view.__dict__, "dump", checked(view))
    cast = Cast(staff, name="Comparing House")
    day._people(cast)
    day._expenses(cast)
    account = day._savings(cast)
    day._payments(cast, account)
    day._reads(cast, account)
    day._signing_in_and_out(cast)
    assert len(compared) > 50
