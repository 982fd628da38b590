"""Forged, stale and re-used tokens."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from ofektom.auth import AUDIENCE, CLOCK_SKEW_SECONDS, ISSUER
from tests.cast import PIN, Client, new_phone

ANOTHER_SECRET = "an entirely different secret of more than enough characters"
NEW_PIN = "284617"


def coded(part) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def claims(cast) -> dict:
    """The claims of a good token."""
    return jwt.decode(cast.chidi.token, options={"verify_signature": False})


@pytest.fixture(scope="module")
def key(app) -> str:
    return app.config["SECRET_KEY"]


def status_with(app, token: str) -> tuple[int, str | None]:
    answer = Client(app, token).get("/auth/me")
    return answer.status, answer.code


REFUSED = (401, "auth.invalid_token")


def test_a_token_with_these_claims_and_this_key_lets_in(app, claims, key):
    assert status_with(app, jwt.encode(claims, key, "HS256"))[0] == 200


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS256"])
@pytest.mark.parametrize("signature", ["", "AA"])
def test_a_token_without_a_signature_is_refused(app, claims, algorithm, signature):
    token = f"{coded({'alg': algorithm, 'typ': 'JWT'})}.{coded(claims)}.{signature}"
    assert status_with(app, token) == REFUSED


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_key_is_refused(app, claims, key, algorithm):
    assert status_with(app, jwt.encode(claims, key.ljust(64, "x")[:64], algorithm)) == REFUSED
    assert status_with(app, jwt.encode(claims, key, algorithm)) == REFUSED


def test_another_key_is_refused(app, claims):
    assert status_with(app, jwt.encode(claims, ANOTHER_SECRET, "HS256")) == REFUSED


@pytest.mark.parametrize(
    "header", [{"jku": "https://evil.example/keys"}, {"kid": "../../dev/null"}, {"crit": ["x"], "x": 1}]
)
def test_headers_that_point_to_another_key_do_not_help(app, claims, header):
    assert status_with(app, jwt.encode(claims, ANOTHER_SECRET, "HS256", headers=header)) == REFUSED


@pytest.mark.parametrize("missing", ["sub", "sid", "ver", "iat", "exp", "iss", "aud"])
def test_every_claim_is_required(app, claims, key, missing):
    fewer = {name: value for name, value in claims.items() if name != missing}
    assert status_with(app, jwt.encode(fewer, key, "HS256")) == REFUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-api"},
        {"aud": [f"{AUDIENCE}x"]},
        {"iss": "somebody-else"},
        {"iss": f"{ISSUER}/"},
        {"exp": 1},
        {"exp": "never"},
        {"exp": None},
        {"iat": 2**40},
        {"nbf": 2**40},
        {"ver": 0},
        {"ver": 999},
        {"ver": None},
        {"ver": "x"},
        {"sid": "0"},
        {"sid": str(2**70)},
        {"sid": [1]},
        {"sub": "0"},
        {"sub": "-1"},
        {"sub": str(2**70)},
        {"sub": "1; DROP TABLE users"},
        {"sub": {}},
    ],
    ids=str,
)
def test_claims_that_do_not_fit_are_refused_even_when_signed(app, claims, key, changes):
    try:
        token = jwt.encode(claims | changes, key, "HS256")
    except TypeError:
        pytest.fail(f"choose other claims than {changes}")
    assert status_with(app, token) == REFUSED


def test_an_expired_token_is_refused(app, claims, key):
    now = int(time.time())
    assert (
        status_with(app, jwt.encode(claims | {"iat": now - 999, "exp": now - CLOCK_SKEW_SECONDS - 1}, key, "HS256"))
        == REFUSED
    )


def test_the_session_of_somebody_else_does_not_carry_ones_own_name(app, cast, claims, key):
    for other in (cast.ada, cast.funke):
        theirs = jwt.decode(other.token, options={"verify_signature": False})
        assert status_with(app, jwt.encode(claims | {"sub": theirs["sub"]}, key, "HS256")) == REFUSED
        assert status_with(app, jwt.encode(claims | {"sid": theirs["sid"]}, key, "HS256")) == REFUSED


def test_swapping_the_middle_of_a_token_is_refused(app, cast, claims):
    head, _, signature = cast.chidi.token.split(".")
    theirs = cast.ada.token.split(".")[1]
    assert status_with(app, f"{head}.{theirs}.{signature}") == REFUSED
    assert status_with(app, f"{head}.{coded(claims | {'sub': str(cast.ada.user_id)})}.{signature}") == REFUSED


@pytest.mark.parametrize(
    "token", ["a" * 1_000_000, "a." * 100_000, "e30.e30.e30", "..", "a.b.c", f"{coded(b'[' * 90_000)}.e30.AA"]
)
def test_a_token_that_is_none_is_refused(app, token):
    assert status_with(app, token) == REFUSED


def test_a_changed_secret_refuses_the_tokens_given_out_before(cast):
    person = cast.gbenga
    old, other = person.token, Client(person.app)
    other.sign_in(person.phone, person.secret)
    tokens = person.ok("POST", "/auth/secret", {"current": PIN, "new": NEW_PIN})
    assert status_with(person.app, old) == REFUSED
    assert status_with(person.app, other.token) == REFUSED
    assert status_with(person.app, tokens["access_token"])[0] == 200
    refreshed = Client(person.app).post("/auth/refresh", {"refresh_token": person.tokens["refresh_token"]})
    assert (refreshed.status, refreshed.code) == REFUSED


def refresh(app, token: str):
    return Client(app).post("/auth/refresh", {"refresh_token": token})


def test_using_a_refresh_token_again_ends_the_session(app, cast):
    first = Client(app).sign_in(cast.hauwa.phone, cast.hauwa.secret)
    second = refresh(app, first["refresh_token"]).body
    assert status_with(app, second["access_token"])[0] == 200
    stolen = refresh(app, first["refresh_token"])
    assert (stolen.status, stolen.code) == REFUSED
    assert refresh(app, second["refresh_token"]).status == 401
    assert status_with(app, second["access_token"]) == REFUSED
    assert cast.hauwa.get("/auth/me").status == 200


def test_of_many_at_once_with_one_refresh_token_at_most_one_goes_on(app, cast):
    token = Client(app).sign_in(cast.ike.phone, cast.ike.secret)["refresh_token"]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: refresh(app, token), range(6)))
    winners = [answer for answer in answers if answer.status == 200]
    assert len(winners) == 1
    assert refresh(app, winners[0]["refresh_token"]).status == 401


def test_an_ended_session_cannot_be_refreshed(app, cast):
    client = Client(app)
    tokens = client.sign_in(cast.ike.phone, cast.ike.secret)
    client.ok("POST", "/auth/logout")
    assert status_with(app, tokens["access_token"]) == REFUSED
    assert (refresh(app, tokens["refresh_token"]).status, refresh(app, tokens["refresh_token"]).code) == REFUSED


def invite(cast) -> dict:
    return cast.add("customer", "Invited Customer", parent=cast.chidi, phone=new_phone())


def answer_with(app, verb: str, token: str, secret: str = PIN):
    body = {"token": token} | ({"secret": secret} if verb == "accept" else {})
    return Client(app).post(f"/invitations/{verb}", body)


@pytest.mark.parametrize("first", ["accept", "reject"])
@pytest.mark.parametrize("second", ["accept", "reject"])
def test_an_invitation_is_answered_once(app, cast, first, second):
    token = invite(cast)["invitation_token"]
    assert answer_with(app, first, token).status == 200
    again = answer_with(app, second, token, NEW_PIN)
    assert (again.status, again.code) == (404, "invitations.invalid")


def test_of_many_who_accept_at_once_one_does(app, cast):
    token = invite(cast)["invitation_token"]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda secret: answer_with(app, "accept", token, secret), [PIN, NEW_PIN] * 2))
    assert sum(answer.status == 200 for answer in answers) == 1


def test_a_renewed_invitation_leaves_the_old_token_without_effect(app, cast):
    member = invite(cast)
    renewed = cast.ada.ok("POST", f"/members/{member['id']}/invitation")
    assert answer_with(app, "accept", member["invitation_token"]).status == 404
    assert answer_with(app, "accept", renewed["invitation_token"]).status == 200


def test_an_invitation_ends_with_its_time(app, cast, calendar):
    token = invite(cast)["invitation_token"]
    calendar.forward(days=app.config["INVITATION_DAYS"], minutes=1)
    assert answer_with(app, "accept", token).status == 404
