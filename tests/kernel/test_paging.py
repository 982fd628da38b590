"""Pages that stay right while rows are added, and cursors that only we can make."""

import base64

import pytest
from sqlalchemy import select

from ofektom import ledger
from ofektom.database import verb
from ofektom.errors import InvalidRequest
from ofektom.http import MAX_ID
from ofektom.ledger import Account, LedgerAccount
from ofektom.paging import page


@verb
def add(business_id: int, *numbers: int) -> None:
    for number in numbers:
        ledger.open_accounts(business_id, [Account("page", number)])


def read(business_id: int, **how) -> dict:
    query = select(LedgerAccount.id, LedgerAccount.owner_id).where(LedgerAccount.business_id == business_id)
    return page(query, LedgerAccount.id, **({"limit": 2, "cursor": None} | how))


def numbers(found: dict) -> list[int]:
    return [item["owner_id"] for item in found["items"]]


def test_every_row_comes_once_though_rows_are_added_meanwhile(business):
    add(business, 1, 2, 3)
    first = read(business)
    add(business, 4, 5)
    second = read(business, cursor=first["next"])
    third = read(business, cursor=second["next"])
    assert [numbers(first), numbers(second), numbers(third)] == [[1, 2], [3, 4], [5]]
    assert third["next"] is None


def test_newest_first_does_not_repeat_what_is_pushed_down(business):
    add(business, 1, 2, 3)
    first = read(business, newest_first=True)
    add(business, 4)
    second = read(business, newest_first=True, cursor=first["next"])
    assert [numbers(first), numbers(second), second["next"]] == [[3, 2], [1], None]


def test_a_last_page_that_is_full_has_no_next(business):
    add(business, 1, 2)
    assert read(business)["next"] is None
    assert read(business, limit=1)["next"] is not None


def test_an_empty_list_is_an_empty_page(business):
    assert read(business) == {"items": [], "next": None}


def test_a_cursor_beyond_everything_is_the_end(business):
    add(business, 1)
    assert read(business, cursor=encode(str(MAX_ID))) == {"items": [], "next": None}


def encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


FOREIGN = ["", "x", "!", "====", "NQ==extra", "ünï", "N Q", "NQ\n", "\x00", "7"]
FOREIGN += [encode(text) for text in ("ada", "-1", "1.5", "1;DROP TABLE users", "٣", " 1", str(MAX_ID + 1), "9" * 99)]


@pytest.mark.parametrize("cursor", FOREIGN)
def test_a_cursor_we_did_not_make_is_refused(business, cursor):
    with pytest.raises(InvalidRequest) as refused:
        read(business, cursor=cursor)
    assert set(refused.value.fields) == {"cursor"}


def test_over_http_a_list_is_walked_to_its_end(cast):
    seen, cursor = [], ""
    while cursor is not None:
        found = cast.ada.ok("GET", f"/members?limit=4{cursor and '&cursor=' + cursor}")
        seen += [item["id"] for item in found["items"]]
        cursor = found["next"]
    assert len(seen) == len(set(seen)) == 9
    refused = cast.ada.get("/members?cursor=foreign")
    assert (refused.status, list(refused["errors"])) == (422, ["cursor"])
