"""Headers nobody sends in good faith."""

import re

import pytest

from ofektom.browsers import COOKIE
from tests.hostile.asking import Good, good_request
from tests.hostile.values import HEADER_VALUES
from tests.isolation.expectations import EXPECTED, OPERATOR, PUBLIC

SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
VISIBLE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
AUTHORIZATIONS = [
    "Bearer",
    "Bearer ",
    "bearer",
    "Basic YTpi",
    "Bearer a b",
    "Bearer null",
    "Bearer undefined",
    "Token x",
]
AUTHORIZATIONS += [
    "Bearer " + "." * 3,
    "Bearer " + "a." * 5,
    "Bearer \u00ff",
    "Bearer {token}x",
    "Bearer {token},{token}",
]
AUTHORIZATIONS += ["Digest {token}", "{token}", "Bearer\t{token}", "Bearer Bearer {token}"]
# What a page's cookie may be instead of a whole token; a token alone is what it should be.
COOKIES = [f"{COOKIE}={value}" for value in AUTHORIZATIONS if value != "{token}"]
COOKIES += [f"{COOKIE}", f"{COOKIE}=", f"{COOKIE}x={{token}}", f"__Host-{COOKIE}={{token}}", "\u00ff", "=", ";;"]


def with_header(name: str, value: str) -> dict:
    """The WSGI environment of a header whatever its bytes."""
    return {f"HTTP_{name.upper().replace('-', '_')}": value}


def send(adversary, good: Good, name: str, value: str, **request) -> int:
    return adversary.send(
        good, f"{name}: {value[:60]!r}", json=good.cell.body, environ_overrides=with_header(name, value), **request
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_only_visible_ascii_is_a_key(app, world, people, adversary, tally, name):
    view = app.view_functions[name].view
    if view.page or not view.idempotent:
        return
    good = good_request(world, people, name)
    for value in HEADER_VALUES:
        status = send(adversary, good, "Idempotency-Key", value)
        if (status < 400) != bool(VISIBLE.fullmatch(value)):
            tally.wrong.append(f"{value[:60]!r}: {status}")
    assert not tally.wrong, "\n".join(tally.wrong)


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_but_a_whole_token_lets_in(world, people, adversary, tally, name):
    good = good_request(world, people, name)
    header, values = ("Cookie", COOKIES) if good.endpoint.view.page else ("Authorization", AUTHORIZATIONS)
    for value in values:
        value = value.replace("{token}", good.cell.persona.client.token or "")
        status = send(adversary, good, header, value, query_string=good.cell.query)
        if status != 401 and good.endpoint.expected.roles not in (PUBLIC, OPERATOR):
            tally.wrong.append(f"{value[:60]!r}: {status}")
    assert not tally.wrong, "\n".join(tally.wrong)


@pytest.mark.parametrize(
    "given", [*HEADER_VALUES, "short", "a" * 65, "fine-Request_1.0", '"quoted-id"', "a\r\nSet-Cookie: b"]
)
def test_only_a_sane_request_id_is_taken_over(app, given):
    with app.test_client().get("/api/v1/auth/me", environ_overrides=with_header("X-Request-ID", given)) as answer:
        used = answer.headers["X-Request-ID"]
        assert SANE_ID.fullmatch(used)
        assert answer.get_json()["request_id"] == used
        assert (used == given) == bool(SANE_ID.fullmatch(given))


@pytest.mark.parametrize(
    "name", ["If-None-Match", "Accept", "Accept-Encoding", "Host", "Range", "X-HTTP-Method-Override"]
)
@pytest.mark.parametrize("value", ["*", "\u00ff", "a" * 10_000, "DELETE", "bytes=0-0", "evil.example"])
def test_other_headers_change_nothing_for_the_worse(world, people, adversary, tally, name, value):
    good = good_request(world, people, "savings.accounts")
    assert send(adversary, good, name, value) in (200, 304, 400)
    assert not tally.wrong
