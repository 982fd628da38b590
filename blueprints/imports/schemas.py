"""A row of a file as it must be, and the report on a file."""

import functools
import itertools
from collections.abc import Iterator
from typing import BinaryIO

from marshmallow import ValidationError, fields, validates_schema

from blueprints.imports.rules import COLUMNS, REQUIRED, Fault, HeldIn
from blueprints.savings.rules import MAX_SLOTS
from blueprints.savings.schemas import PlanIn
from ofektom import csv_reading
from ofektom.schemas import Amount, Choice, Currency, Phone, Schema, Text, Whole
from ofektom.views import page_of

AMOUNTS = {"contribution", "target_amount", "opening_balance"}
WHOLE = AMOUNTS | {"cycles", "cycle_days", "days_paid"}
HINT = "Write minor units (kobo), digits only: 50000 for 500.00."
INVALID = "imports.invalid_value"
MOST_CARDS = 1_000  # remembered: many rows are of the same plan


class CustomerIn(Schema):
    """Whose account a row is, and what they are owed."""

    reference = Text(longest=40, required=True)
    customer_name = Text(longest=120, required=True)
    phone = Phone(load_default=None)
    agent = Text(longest=254, required=True)
    label = Text(longest=80, load_default=None)
    opening_balance = Amount(low=0, load_default=0)
    held_in = Choice(HeldIn, load_default=None)

    @validates_schema
    def check_held_in(self, data, **kwargs):
        """Money lies somewhere."""
        if data["opening_balance"] and data["held_in"] is None:
            raise ValidationError({"held_in": ["Say in which pot the opening balance lies."]})


class CardIn(PlanIn):
    """The plan of a row, as `POST /savings` takes it, and how many of its days are paid."""

    days_paid = Whole(low=0, high=MAX_SLOTS, load_default=0)


_CUSTOMER, _CARD = CustomerIn(), CardIn()
Loaded = tuple[dict, list[tuple[str, str]]]


def rows(file: BinaryIO) -> Iterator[tuple[int, dict] | list[Fault]]:
    """The rows of a file, each as its line and what it says, or else as what is wrong with it.

    Raises csv_reading's WrongColumns and Unreadable.
    """
    load_card = functools.lru_cache(MOST_CARDS)(lambda *found: _load(_CARD, dict(found)))
    for line, cells, fault in csv_reading.records(file, COLUMNS, REQUIRED):
        if fault:
            yield [Fault(line, None, "imports.wrong_shape", fault)]
            continue
        of_the_card = ((name, cells[name]) for name in _CARD.fields if name in cells)
        (customer, of_customer), (card, of_card) = _load(_CUSTOMER, cells), load_card(*of_the_card)
        wrong = [Fault(line, name, INVALID, message) for name, message in of_customer + of_card]
        yield wrong or (line, customer | card)


def _load(schema: Schema, cells: dict[str, str]) -> Loaded:
    """What a schema makes of its cells, and what it finds wrong: columns with messages."""
    given = {name: _value(name, cells[name]) for name in schema.fields if name in cells}
    try:
        return schema.load(given), []
    except ValidationError as error:
        return {}, [(name, _message(name, found)) for name, found in error.messages.items()]


def _value(name: str, cell: str):
    """A cell as JSON would have it; what is no number stays text, and is refused as that."""
    if name == "weekdays":
        return [_number(part) for part in cell.split()]
    return _number(cell) if name in WHOLE else cell


def _number(cell: str) -> int | str:
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 20 else cell


def _message(name: str, found) -> str:
    if name in AMOUNTS and found == ["Not a valid integer."]:
        return HINT
    flat = itertools.chain.from_iterable(found.values()) if isinstance(found, dict) else found
    return " ".join(dict.fromkeys(flat))


class FaultOut(Schema):
    line = fields.Integer(metadata={"description": "the line the row begins on; the header is line 1"})
    column = fields.String(allow_none=True)
    code = fields.String()
    message = fields.String()


class ReportOut(Schema):
    currency = Currency()
    import_id = fields.Integer(allow_none=True, metadata={"description": "null in a dry run"})
    rows = fields.Integer(metadata={"description": "read, good and bad"})
    customers = fields.Integer(metadata={"description": "of the good rows; rows with the same phone are one customer"})
    accounts = fields.Integer()
    days_paid = fields.Integer(metadata={"description": "ticks brought along"})
    opening_balances = fields.Integer(metadata={"description": "their sum, in minor units"})
    opening_balances_shown = fields.String(metadata={"description": "the same as people write it, to see the scale"})
    faults_total = fields.Integer()
    faults = fields.List(fields.Nested(FaultOut), metadata={"description": "the first 100"})


class ImportOut(Schema):
    currency = Currency()
    id = fields.Integer()
    customers = fields.Integer()
    accounts = fields.Integer()
    opening_balances = fields.Integer(metadata={"description": "their sum, in minor units"})
    membership_id = fields.Integer(allow_none=True, metadata={"description": "who; null: by command"})
    at = fields.DateTime()


ImportPage = page_of(ImportOut())
