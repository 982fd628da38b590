"""Businesses and units over HTTP."""

from tests.cast import new_phone


def test_a_super_admin_opens_renames_and_closes_a_business(fresh_cast, staff):
    path = f"/businesses/{fresh_cast.business_id}"
    assert staff.ok("GET", path)["name"] == "Ada Thrift"
    assert staff.ok("PATCH", path, {"name": "Ada & Daughters"})["name"] == "Ada & Daughters"
    assert fresh_cast.funke.ok("GET", "/business")["name"] == "Ada & Daughters"
    staff.ok("PATCH", path, {"is_active": False})
    assert fresh_cast.ada.get("/business").code == "auth.no_active_business"
    staff.ok("PATCH", path, {"is_active": True})
    assert fresh_cast.ada.get("/business").status == 200


def test_the_first_admin_is_invited_and_the_currency_and_zone_are_kept(staff):
    opened = staff.ok(
        "POST",
        "/businesses",
        {
            "name": "Accra Susu",
            "currency": "GHS",
            "timezone": "Africa/Accra",
            "admin": {"full_name": "Abena", "phone": new_phone()},
        },
    )
    assert (opened["business"]["currency"], opened["business"]["timezone"]) == ("GHS", "Africa/Accra")
    assert opened["admin"]["status"] == "invited"


def test_nonsense_is_refused(staff):
    admin = {"full_name": "X", "phone": new_phone()}
    bad_zone = {"name": "X", "timezone": "Mars/Olympus", "admin": admin}
    assert staff.post("/businesses", bad_zone).code == "businesses.unknown_timezone"
    assert staff.post("/businesses", {"name": "X", "admin": {"full_name": "X"}}).code == "members.login_needed"
    assert staff.post("/businesses", {"name": "X"}).body["errors"] == {"admin": ["Missing data for required field."]}


def test_units_are_added_renamed_and_closed(cast):
    unit = cast.ada.ok("POST", "/units", {"name": "Mile 12"})
    assert cast.ada.post("/units", {"name": "Mile 12"}).code == "units.exists"
    changed = cast.ada.ok("PATCH", f"/units/{unit['id']}", {"name": "Mile Twelve", "is_active": False})
    assert (changed["name"], changed["is_active"]) == ("Mile Twelve", False)
    assert changed in cast.chidi.ok("GET", "/units")["items"]


def test_lists_go_page_by_page(fresh_cast):
    for number in range(5):
        fresh_cast.ada.ok("POST", "/units", {"name": f"Unit {number}"})
    first = fresh_cast.ada.ok("GET", "/units?limit=2")
    second = fresh_cast.ada.ok("GET", f"/units?limit=2&cursor={first['next']}")
    last = fresh_cast.ada.ok("GET", f"/units?limit=2&cursor={second['next']}")
    names = [unit["name"] for page in (first, second, last) for unit in page["items"]]
    assert names == [f"Unit {number}" for number in range(5)]
    assert last["next"] is None
