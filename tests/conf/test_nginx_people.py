"""The service behind nginx with warm caches: everybody is answered as they are by the service itself."""

import gzip
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from blueprints.ops.routes import ASSETS
from ofektom.browsers import COOKIE
from ofektom.http import FORM
from tests.cast import Staff
from tests.concurrency.race import separate_database
from tests.conf.processes import Answer, ask, free_port
from tests.conf.proxy import nginx
from tests.faults.servers import application, gunicorn
from tests.faults.test_harmed_redis import Get, everything_to_get
from tests.isolation.matrix import Findings, note_leaks
from tests.isolation.people import personas
from tests.isolation.world import World

AT_ONCE = 4
# The rest of the matrix differs in what the service decides, which is not asked here.
PEOPLE = {"anonymous", "disabled", "customer", "agent", "admin", "admin of another business"}
# Momentary, or asked on each instance's own port.
APART = re.compile("/(health|metrics|livez|readyz)")
BANKS = "/api/v1/banks"
SAVINGS = "/api/v1/savings?limit=50"


@dataclass(frozen=True)
class Site:
    """nginx on `port` before the service on `instance`, where the people of `world` have something to ask."""

    world: World
    instance: int
    port: int

    def ask(self, port: int, get: Get, **headers: str) -> Answer:
        sent = {"X-Request-ID": "always-the-same"} | ({"Authorization": f"Bearer {get.token}"} if get.token else {})
        return ask(port, get.path, headers=sent | headers)

    def answers(self, port: int, gets: list[Get]) -> dict[Get, Answer]:
        with ThreadPoolExecutor(AT_ONCE) as crowd:
            return dict(zip(gets, crowd.map(lambda get: self.ask(port, get), gets), strict=True))


@pytest.fixture(scope="module")
def site(database_url, redis_url, settings, tmp_path_factory):
    place, instance, port = tmp_path_factory.mktemp("people"), free_port(), free_port()
    more = {"REDIS_URL": redis_url, "CACHE_PREFIX": "people:", "PROXY_HOPS": "1"}
    with separate_database(database_url, "people") as url:
        world = World(Staff(application(settings, url)))
        with (
            gunicorn(settings, url, instance, place / "instance.log", **more),
            nginx(place, port, [instance] * 3, OFEKTOM_API_RATE="9999r/s"),
        ):
            yield Site(world, instance, port)


@pytest.fixture(scope="module")
def gets(site):
    """All that these people may ask for, and what they are refused."""
    gets = [get for get in everything_to_get(site.world) if get.who in PEOPLE and not APART.match(get.path)]
    assert {get.who for get in gets} == PEOPLE
    return gets


def test_nobody_gets_anything_but_what_the_service_answers_them(site, gets):
    direct = site.answers(site.instance, gets)
    site.answers(site.port, [get for get in gets if get.token is None])
    warm = site.answers(site.port, gets)
    said = Counter(("token" if get.token else "none", warm[get].headers["X-Cache-Status"]) for get in gets)
    print(f"{len(gets)} GETs of {len({get.who for get in gets})} people: {dict(said)}")
    assert len(gets) > 200
    assert set(said) == {("token", "BYPASS"), ("none", "HIT"), ("none", "MISS")}
    differing = [get for get in gets if (direct[get].status, direct[get].body) != (warm[get].status, warm[get].body)]
    assert differing == []
    findings, people = Findings(), {persona.name: persona for persona in personas(site.world)}
    for get, answer in warm.items():
        note_leaks(site.world, people[get.who], get.path, answer.body.decode() + str(answer.headers), findings)
    assert findings.leaks == []


def test_what_anybody_may_read_is_a_hit_the_second_time_and_nothing_else_is(site, gets):
    for get in {get.path: get for get in gets if get.who == "anonymous"}.values():
        answers = [site.ask(site.port, get) for _ in range(2)]
        public = answers[0].status == 200 and answers[0].headers["Cache-Control"].startswith("public")
        assert (answers[1].headers["X-Cache-Status"] == "HIT") == public, get.path
        assert (answers[1].headers["X-Cache"] == "HIT") == public or "/assets/" in get.path, get.path
        assert answers[1].headers["X-Request-ID"] == "always-the-same"
        assert all(len(answers[1].headers.get_all(name)) == 1 for name in answers[1].headers), get.path


def test_known_answers_are_not_sent_again(site):
    me = Get("ada", "/api/v1/auth/me", site.world.home.ada.token)
    for get in (me, Get("anonymous", BANKS, None)):
        tag = site.ask(site.port, get).headers["ETag"]
        again = site.ask(site.port, get, **{"If-None-Match": tag})
        assert (again.status, again.body) == (304, b"")


def test_a_list_is_several_times_smaller(site):
    cast = site.world.home.cast
    for number in range(50):
        cast.open_account(cast.funke, contribution=10_000 + 50 * number)
    get = Get("ada", SAVINGS, cast.ada.token)
    plain, packed = site.ask(site.port, get), site.ask(site.port, get, **{"Accept-Encoding": "gzip"})
    assert len(plain.json["items"]) == 50
    assert gzip.decompress(packed.body) == plain.body
    ratio = len(plain.body) / len(packed.body)
    print(f"50 rows: {len(plain.body)} bytes, compressed {len(packed.body)}, {ratio:.1f} times smaller")
    assert ratio > 6


def test_assets_are_kept_for_a_year_and_compressed(site):
    page = ask(site.port, "/docs").body.decode()
    for path in re.findall(r'"(/docs/assets/[^"]+)"', page):
        assert f"/{ASSETS.version}/" in path
        answers = [ask(site.port, path, headers={"Accept-Encoding": "gzip"}) for _ in range(2)]
        assert answers[1].headers["X-Cache-Status"] == "HIT"
        assert answers[1].headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert gzip.decompress(answers[1].body) == ask(site.instance, path).body
        older = ask(site.port, path.replace(ASSETS.version, "1.0.0"))
        assert (older.status, older.headers["Cache-Control"]) == (404, "no-store")


def test_the_console_is_reached_and_none_of_its_pages_is_kept(site):
    """Each of two people gets their own page, and who shows no cookie none, whatever was asked before."""
    ada, chidi = site.world.home.cast.ada, site.world.home.cast.chidi
    html = {"Accept": "text/html"}
    for _ in range(2):
        for person, name in ((ada, "Approvals</a>"), (chidi, "you and those under you")):
            page = ask(site.port, "/console", headers=html | {"Cookie": f"{COOKIE}={person.token}"})
            assert (page.status, page.headers["X-Cache-Status"]) == (200, "BYPASS")
            assert (page.headers["Cache-Control"], name in page.body.decode()) == ("no-store", True)
        nobody = ask(site.port, "/console", headers=html)
        assert (nobody.status, nobody.headers["Location"]) == (303, "/console/sign-in")
        assert ask(site.port, "/console/sign-in").headers["X-Cache-Status"] == "BYPASS"
    login = urlencode({"login": ada.phone, "secret": ada.secret}).encode()
    form = {"Content-Type": FORM, "Origin": f"http://127.0.0.1:{site.port}"}
    signed_in = ask(site.port, "/console/session", "POST", body=login, headers=html | form)
    assert (signed_in.status, signed_in.headers["Location"]) == (303, "/console")
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    packed = ask(site.port, "/console/approvals", headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
    assert len(gzip.decompress(packed.body)) > 2 * len(packed.body)
