"""Checking a receipt by its code, without signing in."""

import json
import re
import secrets
from dataclasses import replace

import pytest
from sqlalchemy import event

from blueprints.markings.rules import CHECK_SYMBOLS, SYMBOLS, bare_code, in_groups, named_by, receipt_code
from ofektom.app import create_app
from ofektom.extensions import db
from tests.cast import Client

FIELDS = {
    "business_name",
    "receipt_number",
    "currency",
    "amount",
    "slots",
    "collected_on",
    "at",
    "status",
    "reversed_at",
}


@pytest.fixture
def receipt(cast):
    """The receipt of two days of a customer's plan."""
    account = cast.open_account(cast.funke, label="Shop rent")
    return cast.mark(account, days=2)


def check(anonymous, code: str, **options):
    return anonymous.get(f"/receipts/{code}", **options)


def test_anybody_who_holds_the_code_sees_what_the_receipt_vouches_for(anonymous, receipt):
    answer = check(anonymous, receipt["check_code"])
    assert answer.status == 200
    assert answer.body == {
        "business_name": "Ada Thrift",
        "receipt_number": receipt["receipt_number"],
        "currency": "NGN",
        "amount": 100_000,
        "slots": receipt["slots"],
        "collected_on": receipt["collected_on"],
        "at": receipt["at"],
        "status": "valid",
        "reversed_at": None,
    }


def test_it_says_nothing_of_whose_it_is(anonymous, cast, receipt):
    answer = check(anonymous, receipt["check_code"])
    assert set(answer.body) == FIELDS
    assert all(set(slot) == {"date", "amount", "cycle"} for slot in answer["slots"])
    customer = cast.ada.ok("GET", f"/members/{cast.funke.id}")
    canaries = [customer["full_name"], customer["phone"], receipt["tracking_number"], "Shop rent", "Chidi"]
    shown = json.dumps(answer.body) + str(answer.headers)
    assert not [canary for canary in canaries if canary in shown]


def test_a_reversed_collection_is_shown_as_reversed_and_not_why(anonymous, cast, receipt):
    path = f"/collections/{receipt['collection_id']}/reversal"
    reversed_ = cast.chidi.ok("POST", path, {"reason": "wrong card, sorry"})
    assert reversed_["check_code"] == receipt["check_code"]
    answer = check(anonymous, receipt["check_code"])
    assert (answer["status"], answer["reversed_at"]) == ("reversed", reversed_["reversed_at"])
    assert (answer["amount"], answer["slots"]) == (receipt["amount"], receipt["slots"])
    assert (set(answer.body), "sorry" in json.dumps(answer.body)) == (FIELDS, False)


def test_a_collection_that_credit_paid_for_has_a_receipt_too(anonymous, cast):
    account = cast.open_account(cast.hauwa)
    cast.mark(account, by=cast.dupe, amount=90_000)
    cast.dupe.ok("POST", f"/savings/{account['id']}/terms", {"contribution": 40_000})
    answer = check(anonymous, cast.mark(account, by=cast.dupe, days=1)["check_code"])
    assert (answer["amount"], answer["slots"][0]["amount"], answer["status"]) == (0, 40_000, "valid")


def test_the_code_is_the_same_wherever_the_collection_is_shown(cast, receipt):
    path = f"/collections/{receipt['collection_id']}"
    shown = [cast.funke.ok("GET", path), cast.chidi.ok("GET", "/collections?limit=1")["items"][0]]
    assert [collection["check_code"] for collection in shown] == [receipt["check_code"]] * 2


def test_a_code_is_easy_to_read_and_to_type(anonymous, receipt):
    code = receipt["check_code"]
    assert re.fullmatch(rf"([{SYMBOLS}]{{4}}-){{3,}}[{SYMBOLS}]{{1,4}}", code)
    bare = code.replace("-", "")
    for typed in (code.lower(), bare, bare.lower(), code.replace("-", " "), f" {code} ", f"{bare[:3]}-{bare[3:]}"):
        assert check(anonymous, typed).body == check(anonymous, code).body, typed


def assert_unknown(anonymous, code: str):
    answer = check(anonymous, code)
    assert (answer.status, answer.code, answer.headers["Cache-Control"]) == (404, "not_found", "no-store"), code
    assert set(answer.body) == {"type", "title", "status", "code", "request_id"}


def test_a_code_with_any_symbol_changed_is_unknown(anonymous, receipt):
    bare = receipt["check_code"].replace("-", "")
    for place, symbol in enumerate(bare):
        other = SYMBOLS[(SYMBOLS.index(symbol) + 1 + secrets.randbelow(31)) % 32]
        assert_unknown(anonymous, bare[:place] + other + bare[place + 1 :])


def test_the_check_of_one_receipt_fits_no_other_collection_or_business(anonymous, cast, rivals, receipt):
    mine, check_part = cast.business_id, receipt["check_code"].replace("-", "")[-CHECK_SYMBOLS:]
    account = rivals.open_account(rivals.funke)
    theirs = rivals.mark(account)
    for business_id, collection_id in [
        (mine, receipt["collection_id"] - 1),
        (mine, receipt["collection_id"] + 1),
        (mine, theirs["collection_id"]),
        (rivals.business_id, receipt["collection_id"]),
        (rivals.business_id, theirs["collection_id"]),
    ]:
        named = receipt_code(business_id, collection_id, "0" * 64)[:-CHECK_SYMBOLS]
        assert_unknown(anonymous, named + check_part)
    assert check(anonymous, theirs["check_code"])["business_name"] == "Rival Thrift"


def test_what_names_the_same_in_a_longer_spelling_is_unknown(anonymous, receipt):
    bare = receipt["check_code"].replace("-", "")
    length = SYMBOLS.index(bare[0])
    longer = SYMBOLS[length + 1] + "2" + bare[1:]
    assert named_by(longer) == named_by(bare)
    assert_unknown(anonymous, longer)
    assert_unknown(anonymous, bare[: 1 + length] + "2" + bare[1 + length :])


@pytest.mark.parametrize(
    "code",
    [
        "x",
        "0",
        "-",
        "%20",
        "2",
        "1" * 16,
        "O" * 16,
        "2" * 16,
        "Z" * 16,
        "Z" * 80,
        "3" * 81,
        "3" * 5_000,
        "3233-3333-3333-333%00",
        "3233-3333-3333-333\u017f",
        "\u0663" * 16,
        "3233_3333_3333_3333",
        "'; DROP TABLE collections; --",
        "%0a3233-3333-3333-3333",
    ],
)
def test_what_is_no_code_at_all_is_unknown_too(anonymous, code):
    assert_unknown(anonymous, code)


def statements(app, act) -> int:
    """How many statements an act sends."""
    seen = []
    with app.app_context():
        engine = db.engine

    def note(*_):
        seen.append(1)

    event.listen(engine, "before_cursor_execute", note)
    act()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_nothing_is_read_for_a_code_we_have_not_made(app, anonymous, receipt):
    """Whether the collection it names exists can be told from neither the answer nor its time."""
    bare = receipt["check_code"].replace("-", "")
    exists = bare[:-1] + SYMBOLS[SYMBOLS.index(bare[-1]) - 1]
    missing = receipt_code(999_999, 888_888_888, "a" * 64)
    assert [statements(app, lambda code=code: check(anonymous, code)) for code in (exists, missing, bare)] == [0, 0, 1]


def test_a_rehearsal_gives_out_no_code(cast):
    account = cast.open_account(cast.gbenga)
    path = f"/savings/{account['id']}/markings"
    assert cast.chidi.post(f"{path}?dry_run=true", {"days": 1})["check_code"] is None
    done = cast.chidi.post(f"{path}?dry_run=false", {"days": 1})
    assert done["check_code"]
    reversal = f"/collections/{done['collection_id']}/reversal"
    assert cast.chidi.post(f"{reversal}?dry_run=true", {"reason": "x"})["check_code"] is None


def test_a_repeated_request_is_answered_with_the_same_code(cast):
    account = cast.open_account(cast.gbenga)
    path, key = f"/savings/{account['id']}/markings", secrets.token_hex(8)
    first, again = (cast.chidi.post(path, {"days": 1}, key=key) for _ in range(2))
    assert (again.headers["Idempotency-Replayed"], again["check_code"]) == ("true", first["check_code"])


def test_the_code_is_not_kept_in_the_trail(cast, receipt):
    [noted] = cast.ada.ok("GET", f"/audit?object_type=collection&object_id={receipt['collection_id']}")["items"]
    assert "check_code" not in noted["after"]


def test_a_receipt_outlives_its_business(anonymous, fresh_cast, staff):
    code = fresh_cast.mark(fresh_cast.open_account(fresh_cast.funke))["check_code"]
    staff.ok("PATCH", f"/businesses/{fresh_cast.business_id}", {"is_active": False})
    assert check(anonymous, code)["status"] == "valid"


def test_another_pepper_makes_other_codes(settings, receipt, anonymous):
    other = create_app(replace(settings, pin_pepper=secrets.token_hex(32)), testing=True)
    assert_unknown(Client(other), receipt["check_code"])
    with other.app_context():
        db.engine.dispose()


def test_caches_may_keep_it_a_minute_but_not_for_somebody_signed_in(anonymous, cast, receipt):
    first = check(anonymous, receipt["check_code"])
    assert first.headers["Cache-Control"] == "public, max-age=60"
    again = check(anonymous, receipt["check_code"], headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body, again.headers["Cache-Control"]) == (304, None, "public, max-age=60")
    for person in (cast.funke, cast.ike, cast.staff):
        same = check(person, receipt["check_code"])
        assert (same.body, same.headers["Cache-Control"]) == (first.body, "private, no-cache")


def test_every_pair_of_ids_has_its_own_code_and_is_read_back():
    edges = [1, 31, 32, 33, 1023, 1024, 10**6, 10**12, 2**63 - 1]
    codes = {
        receipt_code(business, collection, "f" * 64): (business, collection)
        for business in edges
        for collection in edges
    }
    assert len(codes) == len(edges) ** 2
    for code, ids in codes.items():
        assert named_by(code) == ids
        assert bare_code(in_groups(code)) == code


def test_the_check_has_sixty_bits():
    least, most = (receipt_code(1, 1, digit * 64)[-CHECK_SYMBOLS:] for digit in "0f")
    assert (least, most) == (SYMBOLS[0] * 12, SYMBOLS[-1] * 12)
    assert len(set(SYMBOLS)) == 32
    assert not set(SYMBOLS) & set("0O1I")
