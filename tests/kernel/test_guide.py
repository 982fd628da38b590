"""The guide's samples of Python, run as they stand there. Only what they import from has other names here:

utils.cache is ofektom.caching, utils.auth_cached is ofektom.auth, database.postgres_optimized is ofektom.database.
"""

import pytest
import redis

from ofektom.app import create_app
from ofektom.auth import SIGNED_IN, get_current_user, logout_user
from ofektom.caching import get_cache
from ofektom.extensions import db
from ofektom.identity import User
from ofektom.views import Slice
from tests.cast import PIN, Client

CACHING = """
from ofektom.caching import get_cache, cached, CacheKeys

# Manual caching
cache = get_cache()
cache.set("key", {"data": "value"}, ttl=300)
data = cache.get("key")

# Decorator-based caching
@cached(ttl=60, key_prefix="user")
def get_user(user_id):
    return db.query(User).filter(User.id == user_id).first()

# Standardized cache keys
user_key = CacheKeys.format(CacheKeys.USER, user_id=123)
"""

CACHE_ISSUES = """
# Clear user cache
from ofektom.auth import invalidate_user_cache
invalidate_user_cache(user_id=123)

# Clear all cache
from ofektom.caching import get_cache
get_cache().flush_db()  # Use with caution!
"""

INVALIDATION = """
# When user data changes
invalidate_user_cache(user_id=user.id)

# When settings change
cache.clear_pattern("settings:*")

# When business data changes
cache.clear_pattern(f"business:{business_id}:*")
"""

POOL = """
# Check pool status
from ofektom.database import get_connection_pool_status
print(get_connection_pool_status())
"""

CONNECTION = """
import redis; r=redis.Redis(); print(r.ping())
"""


@pytest.fixture
def context(app):
    with app.app_context():
        get_cache().flush_db()
        yield
        db.session.rollback()


def run(sample: str, **names) -> dict:
    """Run a sample of the guide, in which `names` are known; what is known after it."""
    exec(sample, names)
    return names


def test_manual_caching_and_standard_keys(context):
    after = run(CACHING)
    assert after["data"] == {"data": "value"}
    assert after["user_key"] == "user:{123}"


def test_a_decorated_function_returns_its_user_each_time(context, cast, caplog):
    get_user = run(CACHING, db=db.session, User=User)["get_user"]
    users = [get_user(cast.chidi.user_id) for _ in range(2)]
    assert [user.phone for user in users] == [cast.chidi.phone] * 2
    # A row of a session is no JSON: it is returned and not kept, and the log says so.
    assert caplog.text.count("get_user returns what cannot be cached: User") == 2
    assert get_cache().clear_pattern("user:*") == 0


def test_what_the_cache_knows_of_a_user_and_everything_is_cleared(context):
    get_cache().set("user:{123}", {"name": "stale"})
    get_cache().set("another", 1)
    run(CACHE_ISSUES)
    assert get_cache().get_many("user:{123}", "another") == [None, None]


def test_invalidation_takes_what_it_names_and_nothing_else(context, cast):
    before = run(CACHING)
    known = run("from ofektom.auth import invalidate_user_cache")
    user = db.session.get(User, cast.chidi.user_id)
    cache, mine = get_cache(), cast.business_id
    stale = [f"user:{{{user.id}}}", f"businesses:{{{user.id}}}", "settings:1", f"settings:{mine}", f"business:{mine}:a"]
    fresh = [f"business:{mine}1:a", "key"]
    cache.set_many({key: ["stale"] for key in stale + fresh})
    run(INVALIDATION, **known | {"user": user, "cache": before["cache"], "business_id": mine})
    assert [copy for copy in cache.get_many(*stale) if copy == ["stale"]] == []
    assert cache.get_many(*fresh) == [["stale"]] * 2


def test_an_invalidated_user_is_read_from_the_database(app, cast):
    client = Client(app)
    client.sign_in(cast.dupe.phone, PIN)
    client.ok("GET", "/auth/me")
    read = []
    with app.app_context():
        run(
            "from ofektom.auth import invalidate_user_cache\ninvalidate_user_cache(user_id=user_id)",
            user_id=cast.dupe.user_id,
        )
        listener = (db.engine, "before_cursor_execute", lambda *args: read.append(args[2]))
        db.event.listen(*listener)
        try:
            client.ok("GET", "/auth/me")
        finally:
            db.event.remove(*listener)
    assert any("FROM users" in statement for statement in read)


def test_the_pool_tells_its_status(context, capsys):
    run(POOL)
    status = eval(capsys.readouterr().out)
    names = ["pool_size", "connections_checked_in", "connections_checked_out", "overflow", "total_connections"]
    assert list(status) == names
    assert all(isinstance(count, int) for count in status.values())


def test_redis_answers_a_ping(redis_url, capsys):
    port = redis.ConnectionPool.from_url(redis_url).connection_kwargs["port"]
    run(CONNECTION.replace("redis.Redis()", f"redis.Redis(port={port})"))
    assert capsys.readouterr().out == "True\n"


def test_the_current_user_and_their_logout_in_a_view(settings, cast):
    bp = Slice("guide", __name__, url_prefix="/guide")

    @bp.get("/whoami", access=SIGNED_IN)
    def whoami():
        """Who is calling."""
        seen.append(get_current_user())

    @bp.post("/leave", access=SIGNED_IN, status=204)
    def leave():
        """End this session."""
        logout_user()

    seen = []
    app = create_app(settings, testing=True)
    app.register_blueprint(bp)
    try:
        client = Client(app)
        client.sign_in(cast.emeka.phone, PIN)
        ask = app.test_client()
        headers = {"Authorization": f"Bearer {client.token}"}
        assert ask.get("/api/v1/guide/whoami", headers=headers).status_code == 200
        assert (seen[0]["id"], seen[0]["phone"]) == (cast.emeka.user_id, cast.emeka.phone)
        assert [place["business_id"] for place in seen[0]["businesses"]] == [cast.business_id]
        assert ask.post("/api/v1/guide/leave", headers=headers).status_code == 204
        assert ask.get("/api/v1/guide/whoami", headers=headers).status_code == 401
        assert client.get("/auth/me").status == 401
    finally:
        with app.app_context():
            db.engine.dispose()
