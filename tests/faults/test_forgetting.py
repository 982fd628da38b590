"""What the database notes as changed is what the verbs forget: after an answer no old copy can be read any more.

A copy is planted under the name of every fact of which the service keeps copies, before each call of a day that calls
every endpoint; after the call there must be none under the names that the call's transactions have noted.
"""

import time
from collections import defaultdict

import pytest
from flask import request

from ofektom.auth import SAFE_METHODS
from ofektom.caching import CacheKeys, get_cache
from ofektom.facts import GONE
from tests.blueprints import test_statements as day
from tests.cast import Cast
from tests.concurrency.race import rows

PLANTED = "planted"
FACTS = {
    CacheKeys.SESSION: "SELECT user_id, id AS session_id FROM sessions",
    CacheKeys.USER: "SELECT id AS user_id FROM users",
    CacheKeys.USER_BUSINESSES: "SELECT id AS user_id FROM users",
    CacheKeys.BUSINESS: "SELECT id AS business_id FROM businesses",
    CacheKeys.SETTINGS: "SELECT id AS business_id FROM businesses",
    CacheKeys.HOLIDAYS: "SELECT id AS business_id FROM businesses",
}


class Gardener:
    """Plants copies before each change and looks for them after it."""

    def __init__(self, app):
        self.app, self.noted, self.left = app, defaultdict(set), []
        self.kept = self._kinds_kept()
        self.newest = 0

    def __enter__(self):
        self.app.before_request_funcs.setdefault(None, []).insert(0, self._plant)
        self.app.after_request_funcs.setdefault(None, []).append(self._look)
        return self

    def __exit__(self, *_):
        self.app.before_request_funcs[None].remove(self._plant)
        self.app.after_request_funcs[None].remove(self._look)

    def _kinds_kept(self) -> list[str]:
        """The kinds of facts of which there are copies, now that much has been read."""
        with self.app.app_context():
            cache = get_cache().cache
            server = cache._servers.server._client
            names = [key.removeprefix(cache.key_prefix.encode()) for key in server.scan_iter()]
        found = {name.partition(b":")[0].decode() for name in names}
        return [pattern for pattern in FACTS if pattern.partition(":")[0] in found]

    def _plant(self):
        if request.method in SAFE_METHODS:
            return
        names = [CacheKeys.format(pattern, **row) for pattern in self.kept for row in rows(self.app, FACTS[pattern])]
        get_cache().set_many({name: [PLANTED, time.time()] for name in names}, 60)
        self.newest = rows(self.app, "SELECT coalesce(max(id), 0) AS id FROM fact_changes")[0]["id"]

    def _look(self, response):
        if request.method in SAFE_METHODS:
            return response
        query = "SELECT DISTINCT subject FROM fact_changes WHERE id > :id"
        for row in rows(self.app, query, id=self.newest):
            subject = row["subject"]
            self.noted[subject.partition(":")[0]].add(request.endpoint)
            if get_cache().get(subject) not in (None, GONE):
                self.left.append((request.endpoint, subject))
        return response


@pytest.fixture(scope="module")
def garden(app, staff) -> Gardener:
    """The day, watched. Statements of the gardener's own go to connections of their own."""
    cast = Cast(staff, name="Garden House")
    day._know_everybody(app, cast)
    account = cast.open_account(cast.gbenga, by=cast.chidi)
    cast.mark(account, days=2)
    day._reads(cast, account)
    with Gardener(app) as garden:
        day._people(cast)
        day._payments(cast, day._savings(cast))
        day._signing_in_and_out(cast)
        _moonlighting(cast)
        cast.staff.ok("PATCH", f"/businesses/{cast.business_id}", {"is_active": False})
    return garden


def _moonlighting(cast):
    """Somebody known becomes a member elsewhere and moves there; a refresh token is used again."""
    elsewhere, funke = Cast(cast.staff, name="Another Garden"), cast.funke
    member = elsewhere.add("customer", "Funke Bello", parent=elsewhere.chidi, phone=funke.phone)
    funke.ok("POST", "/invitations/accept", {"token": member["invitation_token"], "secret": funke.secret})
    funke.ok("POST", "/auth/switch-business", {"business_id": elsewhere.business_id})
    used = {"refresh_token": funke.tokens["refresh_token"]}
    funke.ok("POST", "/auth/refresh", used)
    assert funke.post("/auth/refresh", used).status == 401


def test_no_copy_of_what_a_call_has_changed_is_left(garden):
    assert garden.left == []


def test_the_day_changed_facts_of_every_kind(garden):
    """And copies are kept of some: the test above is about something."""
    print({kind: sorted(endpoints) for kind, endpoints in garden.noted.items()})
    assert set(garden.noted) == {pattern.partition(":")[0] for pattern in FACTS}
    assert {CacheKeys.SESSION, CacheKeys.USER, CacheKeys.USER_BUSINESSES} <= set(garden.kept)
    assert {"auth.switch_business", "auth.refresh"} <= garden.noted["session"]
    assert sum(map(len, garden.noted.values())) > 20
