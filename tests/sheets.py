"""CSV files to import, made of rows that are good until told otherwise."""

import csv
import io
import itertools
import uuid

from tests.cast import Answer, Cast, Person, new_phone

_cards = itertools.count(1)


def row(agent: str | Person, **changes) -> dict:
    """A row of a customer with a card of their own; None takes a cell away."""
    number = next(_cards)
    usual = {
        "reference": f"card {number}",
        "customer_name": f"Customer {number}",
        "phone": new_phone(),
        "agent": getattr(agent, "phone", agent),
        "kind": "daily",
        "contribution": 50_000,
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def sheet(*rows: dict, **style) -> bytes:
    """The file of some rows, with the columns that any of them has."""
    names = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, **style)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def send(person: Person, file: bytes, path: str = "/imports", **options) -> Answer:
    """Send a file."""
    return person.send("POST", path, data=file, content_type="text/csv", **options)


def bring(cast: Cast, *rows: dict) -> dict:
    """Import rows, which must succeed; returns the report."""
    answer = send(cast.ada, sheet(*rows), key=uuid.uuid4().hex)
    assert answer.status == 201, answer.body
    return answer.body


def account_of(cast: Cast, one: dict) -> dict:
    """The account that was imported for a row, as an admin sees it in the list."""
    [account] = cast.ada.ok("GET", "/savings", query_string={"reference": one["reference"]})["items"]
    return account
