"""A log line is one JSON object that says which request it belongs to and gives no secret away."""

import io
import json
import logging
import re
import sys
import time

import pytest

from ofektom.app import create_app
from ofektom.extensions import db
from ofektom.logs import JsonFormatter, redact
from tests.cast import PASSWORD, PIN, Client

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl-_x"


def line(message: str, *args, exc_info=None, **extra) -> dict:
    """A record as it is written."""
    record = logging.LogRecord("ofektom.test", logging.INFO, __file__, 1, message, args, exc_info)
    vars(record).update(extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_says_when_how_bad_where_and_what():
    written = line("%s of %s\nrows", 3, 4, attempt=2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written.pop("time"))
    expected = {"level": "INFO", "logger": "ofektom.test", "message": "3 of 4\nrows", "attempt": 2}
    assert written == expected


def test_a_line_within_a_request_carries_its_id(app):
    with app.test_request_context(headers={"X-Request-ID": "market-day-1"}):
        app.preprocess_request()
        assert line("hello")["request_id"] == "market-day-1"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {JWT}", JWT),
        (f"token {JWT} refused", JWT),
        ("authorization: bearer 0pAqUe-t0ken", "0pAqUe-t0ken"),
        ('{"login": "ada", "secret": "739154"}', "739154"),
        ("{'pin': '739154', 'login': 'ada'}", "739154"),
        ("pin=739154&login=ada", "739154"),
        ("password: hunter2hunter2", "hunter2hunter2"),
        ("refresh_token='Zm9vYmFyYmF6'", "Zm9vYmFyYmF6"),
        ("invitation_token: Zm9vYmFyYmF6", "Zm9vYmFyYmF6"),
        ("postgresql://ofektom:s3cr3t@db:5432/ofektom", "s3cr3t"),
        ("postgres://ofektom:p%2Fw@db/ofektom", "p%2Fw"),
        ("postgresql+psycopg2://:only-password@/x", "only-password"),
        ("paid to 0123456789 of Zenith", "0123456789"),
        ("called +2348031234567 twice", "2348031234567"),
        ("card 5399831234567890", "5399831234567890"),
    ],
)
def test_a_secret_is_taken_out_wherever_it_stands(text, secret):
    """In the message, in its arguments, in an extra, within an extra, and in a traceback."""
    try:
        raise ValueError(text)
    except ValueError:
        exception = sys.exc_info()
    written = [line(text), line("it was: %s", text), line("x", note=text), line("x", facts={"deep": {"er": text}})]
    for record in [*written, line("x", exc_info=exception)]:
        assert secret not in json.dumps(record)


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "pin", "eyJ", "eyJa.", "://:", "a://a:", "pin='", 'pin="\\', "pin= ", "code-", "bearer ", "\\", "1."],
)
def test_no_path_takes_long_to_redact(piece):
    """Once 8 KiB of "pin" kept a worker busy for seconds, and nginx then asked the next one. Now milliseconds."""
    text = (piece * 8192)[:8192]
    started = time.process_time()
    redact(text)
    redact(f'pin="{text}')
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "name",
    ["secret", "secret_hash", "password", "pin", "pin_pepper", "token", "access_token", "token_hash", "code_hash"],
)
def test_an_extra_is_taken_out_by_its_name(name):
    written = line("x", **{name: "739154"}, facts={name: 739154, "amount": 5})
    assert (written[name], written["facts"]) == ("[redacted]", {name: "[redacted]", "amount": 5})


@pytest.mark.parametrize(
    "text", ["12 of 500 rows", "spinning", "business 123456789", "2027-01-31 23:30", "POST /pins 200"]
)
def test_the_rest_stays_readable(text):
    assert redact(text) == text


@pytest.fixture
def log():
    """Everything that any logger says meanwhile, as the service would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: [json.loads(text) for text in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_days_work_leaves_no_secret_in_the_log(fresh_cast, log):
    """Signing in, rightly and wrongly, marking, a bank account twice, a payout by code: all that carries a secret."""
    cast, account_number = fresh_cast, "0123456789"
    tokens = [cast.funke.sign_in(cast.funke.phone, PIN), cast.ada.sign_in(cast.ada.phone, PASSWORD)]
    Client(cast.app).post("/auth/login", {"login": cast.chidi.phone, "secret": "604837"})
    invited = cast.add("customer", "Jide New", parent=cast.chidi, phone="08035550001")
    tokens += [Client(cast.app).ok("POST", "/auth/refresh", {"refresh_token": tokens[0]["refresh_token"]})]
    account = cast.open_account(cast.funke)
    cast.mark(account, days=5)
    bank = {"bank_code": "999999", "account_number": account_number, "account_name": "Funke Bello"}
    cast.funke.ok("POST", "/payment-accounts", bank)
    assert cast.funke.post("/payment-accounts", bank).status == 409
    assert cast.funke.post("/payment-accounts", bank | {"pin": PIN}).status == 422
    request = cast.funke.ok("POST", "/payments", {"account_id": account["id"]})
    cast.ada.ok("POST", f"/payments/{request['id']}/approve")
    code = cast.funke.ok("POST", f"/payments/{request['id']}/code")["code"]
    cast.chidi.ok("POST", f"/payments/{request['id']}/pay-cash", {"code": code})
    cast.ada.get(f"/members?cursor={tokens[1]['access_token'][:100]}")

    written = log()
    assert len([entry for entry in written if entry["logger"] == "ofektom.access"]) >= 12
    assert all(entry["request_id"] for entry in written)
    secrets = [PIN, PASSWORD, "604837", account_number, invited["invitation_token"], cast.funke.phone, "08035550001"]
    secrets += [token[name] for token in tokens for name in ("access_token", "refresh_token")]
    said = json.dumps([{name: value for name, value in entry.items() if name != "request_id"} for entry in written])
    for secret in secrets:
        assert secret not in said
    assert not re.search(rf"\b{code}\b", said)


def test_an_access_line_says_who_and_how_long_but_not_the_query(cast, log):
    cast.ada.get("/members?limit=1", headers={"X-Request-ID": "market-day-2"})
    [entry] = [entry for entry in log() if entry.get("request_id") == "market-day-2"]
    assert entry["message"] == "GET /api/v1/members 200"
    assert (entry["user_id"], entry["business_id"]) == (cast.ada.user_id, cast.business_id)
    assert entry["ms"] > 0


def test_a_refusal_says_why_who_and_from_where(cast, log):
    cast.bola.post("/units", {"name": "x"}, headers={"X-Request-ID": "market-day-3"})
    [entry] = [entry for entry in log() if entry.get("request_id") == "market-day-3"]
    assert (entry["code"], entry["address"], entry["user_id"]) == ("auth.forbidden", "127.0.0.1", cast.bola.user_id)
    assert not [entry for entry in log() if entry["message"].endswith(" 200") and "code" in entry]


def test_a_wrong_guess_is_told_with_whom_it_was_at(cast, log):
    for _ in range(6):
        Client(cast.app).post("/auth/login", {"login": cast.bola.phone, "secret": "604837"})
    told = [(entry["message"], entry["subject"]) for entry in log() if entry["logger"] == "ofektom.security"]
    mine = f"user:{cast.bola.user_id}"
    assert told == [("a wrong guess", mine)] * 5 + [("no guess left", mine)]
    assert "604837" not in json.dumps(log())


def test_a_database_error_is_logged_without_the_connections_password(settings, log):
    url = "postgresql://ofektom:s3cr3t-p4ssword@127.0.0.1:1/none"
    other = create_app(type(settings)(**vars(settings) | {"database_url": url}), testing=True)
    assert other.test_client().get("/api/v1/auth/me").status_code == 401
    with other.app_context():
        logging.getLogger("test").warning("cannot reach %s", db.engine.url.render_as_string(hide_password=False))
    assert "s3cr3t" not in json.dumps(log())


def test_the_service_writes_json_to_standard_output(settings):
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        create_app(settings, testing=False)
        [handler] = root.handlers
        assert isinstance(handler.formatter, JsonFormatter)
        assert logging.getLevelName(root.level) == settings.log_level
    finally:
        root.handlers = handlers
        root.setLevel(level)
