"""Whatever reads what came from outside, against what hypothesis can think of: refused cleanly or understood, and soon.

The lists of tests/hostile/values.py hold what people think of; this is the rest. PARSER_EXAMPLES says how many of each.
"""

import csv
import hashlib
import hmac
import io
import json
import os
import re
import time
from datetime import UTC, date, datetime

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from blueprints.ops.routes import ASSETS
from ofektom import csv_stream, http, idempotency, paging
from ofektom.errors import Problem
from ofektom.schemas import NIGERIAN_MOBILE, Day, Moment, Text, normal_phone
from tests.isolation.withheld import commits_withheld

EXAMPLES = int(os.environ.get("PARSER_EXAMPLES", "100"))
# Of this thread, so that a busy machine does not count; what is measured takes a thousandth of it.
MOST_SECONDS = 0.5
VISIBLE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
HEADERS = ["If-None-Match", "Range", "If-Range", "Accept", "Forwarded", "X-Forwarded-For"]
STYLESHEET = f"/docs/assets/{ASSETS.version}/swagger-ui.css"
TERMII = "/api/v1/notifications/sms-reports"
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well
NO_SURROGATES = st.characters(exclude_categories=["Cs"])
HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=300)
NEARLY_DATES = st.dates().map(str) | st.from_regex(r"[0-9+-]{4,6}-[0-9]{1,2}-[0-9]{1,2}([T ].*)?", fullmatch=True)
NEARLY_TIMES = st.datetimes(timezones=st.timezones()).map(str) | st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9.]{1,12})?(Z|[+-][0-9]{2}:?[0-9]{2})?", fullmatch=True
)
NUMBERS = st.integers().map(str) | st.floats().map(repr) | st.from_regex(r"-?[0-9]{1,30}(\.[0-9]+)?([eE][+-]?[0-9]+)?")
WORDS = st.sampled_from(["null", "true", "NaN", '"\\u0000"'])
LEAVES = NUMBERS | ANY_TEXT.map(json.dumps) | ANY_TEXT.map(lambda text: json.dumps(text, ensure_ascii=False)) | WORDS


def _objects(values):
    keys = st.sampled_from(['"a"', '"a"', '"\\u0061"', '"b"', '""'])
    pairs = st.lists(st.tuples(keys, values).map(":".join), max_size=4).map(",".join)
    return pairs.map("{{{}}}".format) | st.lists(values, max_size=4).map(",".join).map("[{}]".format)


JSON_TEXTS = st.recursive(LEAVES, _objects, max_leaves=12).map(lambda text: text.encode("utf-8", "surrogatepass"))
DEEP = st.integers(1, 3_000).flatmap(lambda depth: st.sampled_from([b"[" * depth + b"]" * depth, b'{"a":' * depth]))
BODIES = st.binary(max_size=200) | JSON_TEXTS | JSON_TEXTS.map(lambda text: b'{"a":' + text + b"}")
BODIES |= DEEP.map(lambda deep: b'{"a":' + deep + b"}")


@pytest.fixture(autouse=True)
def _quickly():
    """Nothing here may take long, not even all its examples together."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < 60 * max(1, EXAMPLES / 100)


def soon(read, *arguments):
    """What `read` returns, or the refusal it raises; it takes no time to speak of."""
    began = time.thread_time()
    try:
        return read(*arguments)
    except (Problem, ValidationError) as refusal:
        return refusal
    finally:
        assert time.thread_time() - began < MOST_SECONDS, arguments


@fuzzed
@given(BODIES)
@example(b'{"a":1e999}')
@example(b'{"a":' + b"9" * 5_000 + b"}")
@example(b'{"a":"\\ud800"}')
@example(b'{"a":1,"\\u0061":2}')
def test_a_body_is_read_as_any_parser_would_or_refused(app, raw):
    with app.test_request_context(method="POST", data=raw, content_type="application/json"):
        read = soon(http.read_json)
    if isinstance(read, Problem):
        assert read.code in ("request.malformed", "request.too_large")
    elif raw:
        assert read == json.loads(raw) == orjson.loads(raw)
        assert orjson.loads(http.encode(read)) == read
        assert not re.search(r"[\ud800-\udfff]", json.dumps(read, ensure_ascii=False))


@fuzzed
@given(ANY_TEXT | st.binary().map(lambda raw: raw.decode("latin-1")) | st.integers(0).map(lambda n: paging._encode(n)))
def test_a_cursor_says_a_key_or_is_refused(cursor):
    key = soon(paging.decode, cursor)
    if not isinstance(key, Problem):
        assert 0 <= key <= http.MAX_ID
        assert paging.decode(paging._encode(key)) == key


@fuzzed
@given(ANY_TEXT | NEARLY_DATES)
def test_a_day_is_the_day_it_says(text):
    day = soon(Day().deserialize, text)
    if isinstance(day, date):
        assert day.isoformat() == text


@fuzzed
@given(ANY_TEXT | NEARLY_TIMES)
def test_a_moment_is_the_moment_it_says(text):
    moment = soon(Moment().deserialize, text)
    if isinstance(moment, datetime):
        assert 2000 <= moment.astimezone(UTC).year <= 2100
        # Python reads no more than six decimals, and a comma before them.
        said = re.sub(r"([.,][0-9]{6})[0-9]+", r"\1", text).replace(",", ".")
        assert moment == datetime.fromisoformat(said)


@fuzzed
@given(ANY_TEXT | st.from_regex(r"(\+?234|0)?[789][01][0-9 ()-]{8,14}", fullmatch=True))
def test_a_phone_is_one_number_however_it_is_written(text):
    phone = soon(normal_phone, text)
    if phone is not None:
        assert NIGERIAN_MOBILE.fullmatch(phone)
        assert normal_phone(phone) == normal_phone(f"0{phone[4:]}") == phone


@fuzzed
@given(ANY_TEXT)
def test_text_is_kept_as_it_is_if_the_document_allows_it(text):
    field = Text(longest=120, lines=True)
    kept = soon(field.deserialize, text)
    if len(text) <= 120:  # else it may be only the blanks around it that are too many
        described = re.search(field.metadata["pattern"], text) and not re.search(r"[\ud800-\udfff]", text)
        assert bool(described) == isinstance(kept, str)
    if isinstance(kept, str):
        assert kept == text.strip()
        assert 1 <= len(kept.encode()) <= 480
        assert field.deserialize(kept) == kept


@fuzzed
@given(HEADER_TEXT)
def test_a_key_is_visible_ascii_or_refused(app, key):
    with app.test_request_context(method="POST", environ_overrides={"HTTP_IDEMPOTENCY_KEY": key}):
        read = soon(idempotency.read_key)
    assert read == key if VISIBLE.fullmatch(key) else isinstance(read, idempotency.KeyRequired)


@fuzzed
@given(
    st.lists(
        st.lists(st.text(NO_SURROGATES) | st.integers() | st.none(), min_size=2, max_size=4),
        min_size=1,
        max_size=4,
    )
)
@example([["=1+1", "\uff1dcmd"], ["a\r\n=2", '",=3']])
def test_a_file_reads_back_as_it_was_and_no_cell_is_a_formula(rows):
    lines = list(csv.reader(io.StringIO(soon(csv_stream.encode, rows), newline="")))
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for shown, value in zip(line, row, strict=True):
            if isinstance(value, str):
                assert shown.removeprefix("'") == value.removeprefix("'")
                assert not shown.startswith(csv_stream.FORMULA)
            else:
                assert shown == ("" if value is None else str(value))


@fuzzed
@given(name=st.sampled_from(HEADERS), value=HEADER_TEXT)
@example(name="Range", value="bytes=0-")
@example(name="Range", value="bytes=99999999-")
@example(name="If-None-Match", value='"' * 300)
@pytest.mark.parametrize("path", ["/api/v1/banks", "/docs", "/metrics", STYLESHEET])
def test_no_header_breaks_a_page(app, path, name, value):
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value}
    with app.test_client(use_cookies=False).get(path, environ_overrides=environ) as answer:
        assert answer.status_code in (200, 304, 404), (answer.status_code, answer.data[:200])
        if answer.status_code == 304:
            assert value.strip() == "*" or answer.headers["ETag"].removeprefix("W/") in value


REPORTS = st.fixed_dictionaries(
    {"message_id": st.text(NO_SURROGATES) | st.integers(0, 2**63), "status": st.text(NO_SURROGATES)}
)


@fuzzed
@given(body=BODIES | REPORTS.map(orjson.dumps), forged=HEADER_TEXT)
def test_a_report_of_the_carrier_counts_by_its_signature_alone(app, body, forged):
    key = app.config["TERMII_SECRET_KEY"].encode()
    right = hmac.new(key, body, hashlib.sha512).hexdigest()
    with commits_withheld():
        taken, refused = (
            app.test_client().post(TERMII, data=body, environ_overrides={"HTTP_X_TERMII_SIGNATURE": signature})
            for signature in (right, forged)
        )
    assert (taken.status_code, refused.status_code) == (204, 403)
    assert refused.get_json()["code"] == "sms.wrong_signature"
