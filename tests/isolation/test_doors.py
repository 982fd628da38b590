"""Doors beside the front door: other methods, tokens of somebody shut out, and the Idempotency-Key of somebody else."""

import itertools
import uuid

from ofektom.auth import OPERATOR, PUBLIC
from tests.cast import Cast, Client
from tests.isolation.expectations import EXPECTED, SIGNED_IN


def test_head_is_as_closed_as_get(app, world):
    checked = 0
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint].view
        if view.access in (PUBLIC, OPERATOR) or "GET" not in view.methods:
            continue
        path = app.url_map.bind("").build(rule.endpoint, dict.fromkeys(rule.arguments, 1))
        answer = app.test_client().open(path, method="HEAD")
        assert (answer.status_code, answer.data) == (401, b""), path
        checked += 1
    assert checked > 20


def test_what_is_for_operators_is_not_there_for_anybody_else(app, world):
    outside = {"REMOTE_ADDR": "203.0.113.9"}
    people = [None, world.home.cast.ada.token, world.away.cast.ada.token, world.old_token]
    for name in [name for name, expected in EXPECTED.items() if expected.roles == OPERATOR]:
        [rule] = app.url_map.iter_rules(name)
        for token, method in itertools.product(people, ("GET", "HEAD")):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            there, nowhere = (
                app.test_client().open(path, method=method, headers=headers, environ_overrides=outside)
                for path in (rule.rule, "/nowhere")
            )
            assert (there.status_code, _without_id(there)) == (404, _without_id(nowhere)), rule.rule


def _without_id(answer) -> dict | None:
    return answer.json | {"request_id": None} if answer.data else None


def test_options_tells_the_methods_and_nothing_else(app, world):
    for rule in app.url_map.iter_rules():
        names = {name: "swagger-ui.css" if name == "name" else 1 for name in rule.arguments}
        answer = app.test_client().options(app.url_map.bind("").build(rule.endpoint, names))
        assert (answer.status_code, answer.data) == (200, b""), rule.rule


def test_somebody_disabled_comes_in_by_none_of_their_keys(app, world):
    anybody, person = Client(app), world.home.cast.disabled
    assert Client(app, world.old_token).get("/auth/me").code == "auth.invalid_token"
    assert person.get("/auth/me").code == "auth.invalid_token"
    refreshed = anybody.post("/auth/refresh", {"refresh_token": world.old_refresh_token})
    assert (refreshed.status, refreshed.code) == (401, "auth.invalid_token")
    right = anybody.post("/auth/login", {"login": person.phone, "secret": person.secret})
    wrong = anybody.post("/auth/login", {"login": person.phone, "secret": "not it at all"})
    assert right.status == wrong.status == 401
    assert right.body | {"request_id": None} == wrong.body | {"request_id": None}


def test_a_former_member_sees_their_own_card_and_no_business(world):
    me = world.home.cast.former.ok("GET", "/auth/me")
    assert (me["active"], me["memberships"], me["permissions"]) == (None, [], [])


def test_a_deactivated_business_is_closed_to_all_its_members(app, staff):
    closed = Cast(staff)
    staff.ok("PATCH", f"/businesses/{closed.business_id}", {"is_active": False})
    for name, expected in EXPECTED.items():
        if expected.roles in (PUBLIC, SIGNED_IN, OPERATOR):
            continue
        [rule] = app.url_map.iter_rules(name)
        [method] = app.view_functions[name].view.methods
        path = app.url_map.bind("").build(name, dict.fromkeys(rule.arguments, 1), method)
        for person in (closed.ada, closed.chidi, closed.dupe, closed.funke):
            answer = person.send(method, path)
            assert (answer.status, answer.code) == (403, "auth.no_active_business"), name


def test_the_key_of_somebody_else_replays_nothing(world):
    home, key = world.home.cast, uuid.uuid4().hex
    account = home.open_account(home.gbenga)
    path = f"/savings/{account['id']}/markings"
    first = home.chidi.post(path, {"days": 1}, key=key)
    for stranger, status in ((home.emeka, 404), (world.away.ada, 404), (home.funke, 403), (home.bola, 201)):
        answer = stranger.post(path, {"days": 1}, key=key)
        assert answer.status == status
        assert "Idempotency-Replayed" not in answer.headers
        assert status != 201 or answer["collection_id"] != first["collection_id"]


def test_a_key_used_in_one_business_replays_nothing_in_another(world):
    """The same person, key and body in another of their businesses is another request."""
    kemi, key = world.moonlighter, uuid.uuid4().hex
    home, away = world.home.cast, world.away.cast
    account = home.open_account(kemi)
    home.chidi.ok("POST", f"/savings/{account['id']}/markings", {"days": 2})
    body = {"account_id": account["id"], "amount": 10_000}
    kemi.ok("POST", "/payments", body, key=key)
    kemi.ok("POST", "/auth/switch-business", {"business_id": away.business_id})
    answer = kemi.post("/payments", body, key=key)
    kemi.ok("POST", "/auth/switch-business", {"business_id": home.business_id})
    assert (answer.status, answer.code) == (422, "idempotency.key_reused")
