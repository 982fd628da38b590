"""Keyset pages: `limit` rows and a cursor to the next, which stays right while rows are added."""

import base64
import binascii

from sqlalchemy import Select
from sqlalchemy.sql.elements import ColumnElement

from ofektom.errors import InvalidRequest
from ofektom.extensions import db
from ofektom.http import MAX_ID


def page(query: Select, key: ColumnElement[int], *, limit: int, cursor: str | None, newest_first: bool = False) -> dict:
    """Run `query` for one page ordered by the unique integer column `key`.

    Returns {"items": list of row mappings, "next": cursor or None}. Raises InvalidRequest for a cursor we did not make.
    The query must select `key` under the label "id".
    """
    query = cut(query, key, limit=limit, cursor=cursor, newest_first=newest_first)
    return of_rows([dict(row) for row in db.session.execute(query).mappings()], limit)


def of_rows(rows: list[dict], limit: int, looked_to: int | None = None) -> dict:
    """The page that `rows` are, `limit` of them and perhaps one more, by which one sees that there are more.

    There may also be more after the key `looked_to`, the last one that was looked at for the page.
    """
    last = rows[limit - 1]["id"] if len(rows) > limit else looked_to
    return {"items": rows[:limit], "next": None if last is None else _encode(last)}


def cut(query: Select, key: ColumnElement[int], *, limit: int, cursor: str | None, newest_first: bool) -> Select:
    """The query for the rows of one page and the one after them, by which one sees that there are more.

    Raises InvalidRequest for a cursor we did not make.
    """
    if cursor is not None:
        after = decode(cursor)
        query = query.where(key < after if newest_first else key > after)
    return query.order_by(key.desc() if newest_first else key).limit(limit + 1)


def _encode(value: int) -> str:
    return base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")


def decode(cursor: str) -> int:
    """The key after which the page of `cursor` begins. Raises InvalidRequest for a cursor we did not make."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not (text.isdecimal() and int(text) <= MAX_ID):
        raise InvalidRequest(fields={"cursor": ["Not a cursor of this list."]})
    return int(text)
