"""The page of a business that wants to be found."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ofektom.extensions import db
from ofektom.identity import Business
from tests.cast import new_phone

PUBLISH = {"public_page": True}


def page(anonymous, business_id: int, **options):
    return anonymous.get(f"/public/businesses/{business_id}", **options)


@pytest.fixture
def published(fresh_cast):
    """A business with a page and two open units."""
    for name in ("Oshodi", "Balogun Market", "Closed Lane"):
        unit = fresh_cast.ada.ok("POST", "/units", {"name": name})
    fresh_cast.ada.ok("PATCH", f"/units/{unit['id']}", {"is_active": False})
    fresh_cast.ada.ok("PATCH", "/settings", PUBLISH)
    return fresh_cast


def test_anybody_sees_its_name_and_where_it_collects_and_nothing_else(anonymous, published):
    shown = anonymous.ok("GET", f"/public/businesses/{published.business_id}")
    created = datetime.fromisoformat(published.ada.ok("GET", "/business")["created_at"])
    assert shown == {
        "id": published.business_id,
        "name": "Ada Thrift",
        "currency": "NGN",
        "timezone": "Africa/Lagos",
        "units": ["Balogun Market", "Oshodi"],
        "since": created.astimezone(ZoneInfo("Africa/Lagos")).date().isoformat(),
    }


def test_it_names_nobody(anonymous, published):
    published.mark(published.open_account(published.funke))
    shown = json.dumps(page(anonymous, published.business_id).body)
    people = published.ada.ok("GET", "/members")["items"]
    canaries = [member[name] for member in people for name in ("full_name", "phone") if member[name]]
    assert len(canaries) > 10
    assert not [canary for canary in canaries if canary in shown]


def test_since_is_the_day_in_the_time_zone_of_the_business(anonymous, app, published):
    """Opened at 23:30 UTC, which is the next day in Lagos."""
    with app.app_context(), db.engine.begin() as connection:
        opened = db.update(Business).where(Business.id == published.business_id)
        connection.execute(opened.values(created_at="2026-03-01T23:30:00Z"))
    assert page(anonymous, published.business_id)["since"] == "2026-03-02"


def test_a_business_without_units_has_a_page_too(anonymous, fresh_cast):
    fresh_cast.ada.ok("PATCH", "/settings", PUBLISH)
    assert page(anonymous, fresh_cast.business_id)["units"] == []


def test_a_page_is_there_only_while_the_business_wants_it_and_is_active(anonymous, published, staff):
    path = f"/businesses/{published.business_id}"

    def status():
        return page(anonymous, published.business_id).status

    published.ada.ok("PATCH", "/settings", {"public_page": False})
    assert status() == 404
    published.ada.ok("PATCH", "/settings", PUBLISH)
    assert status() == 200
    staff.ok("PATCH", path, {"is_active": False})
    assert status() == 404
    staff.ok("PATCH", path, {"is_active": True})
    assert status() == 200


def test_a_hidden_business_looks_like_none(anonymous, cast):
    hidden, missing = (page(anonymous, business_id) for business_id in (cast.business_id, 987_654_321))
    assert hidden.body | {"request_id": ""} == missing.body | {"request_id": ""}
    assert (hidden.status, hidden.code, hidden.headers["Cache-Control"]) == (404, "not_found", "no-store")
    assert page(cast.ada, cast.business_id).status == 404, "not even for its admin"


@pytest.mark.parametrize("business_id", ["0", "-1", "x", "1.5", "9" * 30, "%00"])
def test_an_id_that_is_none_is_not_found(anonymous, business_id):
    assert page(anonymous, business_id).code == "not_found"


def test_it_takes_no_parameters(anonymous, published):
    assert page(anonymous, f"{published.business_id}?units=1").code == "request.invalid"


def test_the_units_of_another_business_are_not_on_it(anonymous, published, rivals):
    rivals.ada.ok("POST", "/units", {"name": "Rival Market"})
    assert "Rival Market" not in page(anonymous, published.business_id)["units"]


def test_caches_may_keep_it_a_minute_but_not_for_somebody_signed_in(anonymous, published):
    first = page(anonymous, published.business_id)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    again = page(anonymous, published.business_id, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body, again.headers["Cache-Control"]) == (304, None, "public, max-age=60")
    mine = page(published.funke, published.business_id)
    assert (mine.body, mine.headers["Cache-Control"]) == (first.body, "private, no-cache")
    published.ada.ok("POST", "/units", {"name": "Zuba"})
    changed = page(anonymous, published.business_id, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status, changed["units"]) == (200, ["Balogun Market", "Oshodi", "Zuba"])


def test_only_an_admin_publishes(cast):
    for person in (cast.chidi, cast.dupe, cast.funke):
        assert person.patch("/settings", PUBLISH).code == "auth.forbidden"


def test_a_new_business_is_hidden(anonymous, staff):
    admin = {"full_name": "Zainab Musa", "phone": new_phone()}
    opened = staff.ok("POST", "/businesses", {"name": "Quiet Thrift", "admin": admin})
    assert page(anonymous, opened["business"]["id"]).status == 404
