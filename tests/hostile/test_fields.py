"""Every field of every body, every query parameter and every path variable, with every hostile value."""

from urllib.parse import quote

import pytest

from ofektom.browsers import FIELD
from ofektom.errors import Problem
from ofektom.http import FORM
from ofektom.schemas import Secret, Whole
from tests.cast import new_phone
from tests.hostile.asking import (
    Adversary,
    Good,
    fits,
    forget_guesses,
    good_request,
    kind_of,
    query_of,
    spoiled,
    writable,
)
from tests.hostile.values import BROKEN, PATH_VALUES, query_values_for, values_for
from tests.isolation.expectations import EXPECTED, PUBLIC

TOO_MANY = 429
MOST_REPORTED = 60
UNKNOWN = ["business_id=1", "a=1&a=2", "limit=1&limit=2", "dry_run=1", "dry_run=true&dry_run=false", "=", "%ff=1"]


def send_body(adversary: Adversary, world, good: Good, label: str, raw: bytes) -> int:
    """Send a body, once more with fresh guesses when the guesses have run out."""
    status = adversary.send_raw(good, label, raw)
    if status == TOO_MANY:
        forget_guesses(world)
        status = adversary.send_raw(good, label, raw)
    return status


def spoil_body(adversary: Adversary, world, good: Good) -> None:
    """Each field with each value; JSON that is none in each first field."""
    wrong, broken = adversary.tally.wrong, BROKEN
    for where, item in writable(good.endpoint.view.body):
        for base in good.bodies(where[0]):
            for value in values_for(kind_of(item)) + broken:
                label = f"{'.'.join(where)} = {value.raw[:60]!r}"
                status = send_body(adversary, world, good, label, spoiled(base, where, value.raw))
                if status < 400 and not (fits(item, value.kind) and b"\\u0000" not in value.raw):
                    wrong.append(f"{label} was accepted")
            broken = []


def spoil_query(adversary: Adversary, good: Good) -> None:
    """Each parameter with each value."""
    wrong, schema = adversary.tally.wrong, good.endpoint.view.query
    for name, item in (schema.fields if schema else {}).items():
        parameter = item.data_key or name
        for raw in query_values_for(kind_of(item)):
            label = f"{parameter} = {raw[:60]!r}"
            status = adversary.send(good, label, json=good.cell.body, query_string=query_of(good, parameter, raw))
            whole = raw.isdigit() and raw.isascii()
            if status < 400 and (b"\0" in raw or (isinstance(item, Whole) and not whole)):
                wrong.append(f"{label} was accepted")


def spoil_form(adversary: Adversary, world, good: Good) -> None:
    """Each field of a form with each value, and the one that shows that the form is ours."""
    signed = {FIELD: "text"} if good.endpoint.expected.roles != PUBLIC else {}
    kinds = {where[0]: kind_of(item) for where, item in writable(good.endpoint.view.body)} | signed
    for name, kind in kinds.items():
        others = "&".join(f"{key}={quote(str(value))}" for key, value in good.form.items() if key != name)
        for raw in query_values_for(kind):
            body = f"{others}&{name}={quote(raw, safe='')}".encode()
            label = f"{name} = {raw[:60]!r}"
            status = adversary.send_raw(good, label, body, content_type=FORM)
            if status == TOO_MANY:
                forget_guesses(world)
                status = adversary.send_raw(good, label, body, content_type=FORM)
            if status < 400 and (b"\0" in raw or name == FIELD):
                adversary.tally.wrong.append(f"{label} was accepted")


def add_parameters(adversary: Adversary, good: Good) -> None:
    """Parameters that the endpoint does not know, or that are there twice."""
    for query in UNKNOWN:
        if adversary.send(good, query, json=good.cell.body, query_string=query, codes=Problem.by_code) < 400:
            adversary.tally.wrong.append(f"{query} was accepted")


def spoil_path(adversary: Adversary, good: Good) -> None:
    """Each path variable with each value: it is found or it is not, or the path is another one."""
    rule = good.endpoint.rule
    if "<" not in rule:
        return
    before, _, after = rule.partition("<")
    after = after.partition(">")[2]
    for raw in PATH_VALUES:
        path = before + quote(raw, safe="") + after
        status = adversary.send(
            good, path, path=path, json=good.cell.body, query_string=good.cell.query, codes=Problem.by_code
        )
        if status not in (404, 405, 308, 200):
            adversary.tally.wrong.append(f"{path}: {status}")


@pytest.mark.parametrize("name", EXPECTED)
def test_no_value_breaks_anything(world, people, adversary, tally, name):
    good = good_request(world, people, name)
    if good.endpoint.view.page and good.endpoint.view.body:
        spoil_form(adversary, world, good)
    elif good.endpoint.view.body:
        spoil_body(adversary, world, good)
    spoil_query(adversary, good)
    add_parameters(adversary, good)
    spoil_path(adversary, good)
    forget_guesses(world)
    wrong = tally.wrong[:MOST_REPORTED]
    assert not wrong, "\n".join([f"{name}: {len(tally.wrong)} wrong of {tally.requests}", *wrong])


def test_what_is_secret_is_never_part_of_an_answer(app):
    for name in EXPECTED:
        answer = app.view_functions[name].view.answer
        shown = [where for where, item in writable(answer) if isinstance(item, Secret)] if answer else []
        assert not shown, name


def test_every_view_documents_that_parameters_may_be_refused(world, people):
    """Any view refuses a parameter that it does not know (422) or that is there twice (400)."""
    promised = {name: good_request(world, people, name).promised for name in EXPECTED}
    assert not [name for name, codes in promised.items() if not {"request.invalid", "request.malformed"} <= codes]


@pytest.mark.parametrize(
    "zone", ["FOO5", "<+03>-3", "-3", "5", "GMT+0:00", "EST5EDT,M3.2.0,M11.1.0", "localtime", "now"]
)
def test_a_time_zone_is_one_of_the_iana_database(staff, zone):
    admin = {"full_name": "Somebody", "phone": new_phone()}
    answer = staff.post("/businesses", {"name": "Nowhere Thrift", "timezone": zone, "admin": admin})
    assert (answer.status, answer.code) == (422, "businesses.unknown_timezone")
