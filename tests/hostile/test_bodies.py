"""Whole bodies that are none, and bodies that say too much. All of them are refused, and nothing is kept of them."""

import itertools

import orjson
import pytest

from tests.hostile.asking import forget_guesses, good_request
from tests.hostile.values import EXTRA_FIELDS
from tests.isolation.expectations import EXPECTED
from tests.isolation.withheld import row_counts

FORMS = ["console.decline_expense", "console.decline_payout", "console.open_session"]
WITH_BODY = [name for name, expected in EXPECTED.items() if expected.body is not None and name not in FORMS]
DEEP = 100_000
NO_JSON = {
    "one brace": b"{",
    "text": b"hello",
    "blank": b"  ",
    "an array": b"[]",
    "an array of objects": b"[{}]",
    "a number": b"1",
    "a text": b'"a"',
    "null": b"null",
    "true": b"true",
    "two objects": b"{}{}",
    "a trailing comma": b'{"a":1,}',
    "a comment": b"{/**/}",
    "single quotes": b"{'a':1}",
    "deep arrays": b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "open arrays": b"[" * DEEP,
    "nested as deep as the parser goes": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "a key twice": b'{"reason":"a","reason":"b"}',
    "a key twice inside": b'{"admin":{"full_name":"a","full_name":"b"}}',
    "a key twice in disguise": b'{"reason":"a","\\u0072eason":"b"}',
    "broken UTF-8": b'{"a":"\xff"}',
    "overlong UTF-8": b'{"a":"\xc0\x80"}',
    "an encoded surrogate": b'{"a":"\xed\xa0\x80"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "NUL": b"\x00",
    "NUL behind": b"{}\x00",
    "NaN": b'{"a":NaN}',
    "too large": b'{"a":"' + b"a" * 2_000_000 + b'"}',
}
TYPES = [
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "*/*",
]
TYPES += ["application/json-patch+json", "application/jsonp", "text/json", "application/json\x00"]


@pytest.fixture(scope="module")
def rows(app, world):
    """How many rows there are before anything is sent; at the end they must be as many."""
    before = row_counts(app)
    yield before
    assert row_counts(app) == before


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_that_is_no_object_is_refused(world, people, vandal, tally, name):
    good = good_request(world, people, name)
    for label, raw in NO_JSON.items():
        if vandal.send_raw(good, label, raw) not in (400, 413):
            tally.wrong.append(f"{label} was not refused as unreadable")
    for content_type in TYPES:
        raw = orjson.dumps(good.cell.body or {"a": 1})
        if vandal.send_raw(good, content_type, raw, content_type=content_type) != 415:
            tally.wrong.append(f"{content_type!r} was read")
    assert not tally.wrong, "\n".join(tally.wrong)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("name", WITH_BODY)
def test_fields_that_are_not_asked_for_are_refused_by_name(world, people, vandal, tally, name):
    good = good_request(world, people, name)
    declared = good.endpoint.view.body.fields
    for extra, value in zip(EXTRA_FIELDS, itertools.cycle([1, True, "admin", None, {}])):
        if extra in declared:
            continue
        body = orjson.dumps(good.cell.body | {extra: value})
        if vandal.send_raw(good, f"{extra} = {value}", body) != 422:
            tally.wrong.append(f"{extra} = {value} was not refused")
    forget_guesses(world)
    assert not tally.wrong, "\n".join(tally.wrong)


@pytest.mark.usefixtures("rows")
def test_fields_of_an_inner_object_are_refused_too(world, people, vandal, tally):
    good = good_request(world, people, "businesses.open_business")
    for extra in ("role", "is_super_admin", "user_id", "status", "business_id"):
        admin = good.cell.body["admin"] | {extra: "admin"}
        assert vandal.send_raw(good, extra, orjson.dumps(good.cell.body | {"admin": admin})) == 422
    assert not tally.wrong


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("name", ["markings.collect", "settings.change_settings", "auth.login"])
def test_a_large_body_of_small_mistakes_is_refused_soon_and_briefly(world, people, vandal, tally, name):
    good = good_request(world, people, name)
    lists = b"[" + b",".join([b"1"] * 490_000) + b"]"
    fields = b",".join(b'"f%06d":1' % number for number in range(80_000))
    for field in ("dates", "weekdays", "login"):
        vandal.send_raw(good, f"{field} of 490 000 items", b'{"%s":%s}' % (field.encode(), lists))
    vandal.send_raw(good, "80 000 unknown fields", b"{" + fields + b"}")
    assert not tally.wrong, "\n".join(tally.wrong)
    assert tally.slowest[0] < 2, tally.slowest


def test_a_body_without_a_length_is_cut_off_as_well(world, people, vandal, tally):
    good = good_request(world, people, "settings.change_settings")
    raw = b'{"a":"' + b"a" * 2_000_000 + b'"}'
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    assert vandal.send_raw(good, "no length", raw, environ_overrides=chunked) in (400, 413)
    assert not tally.wrong


def test_the_entries_of_this_module_are_the_endpoints_with_a_body(app):
    assert {*WITH_BODY, *FORMS} == {name for name in EXPECTED if app.view_functions[name].view.body}
    assert all(app.view_functions[name].view.page for name in FORMS)
