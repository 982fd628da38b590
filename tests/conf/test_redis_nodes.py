"""The service on Redis Sentinel and on Redis Cluster, whole and broken."""

import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest

from ofektom import facts
from ofektom.app import create_app
from ofektom.caching import CacheKeys, get_cache, redis_info
from ofektom.extensions import db
from ofektom.redis_servers import LOOK_SECONDS, OPEN_SECONDS
from tests.cast import PIN, Client
from tests.concurrency.race import race
from tests.conf.processes import wait_for
from tests.conf.redis_nodes import Guarded, Ring, cluster, free_ports, sentinels, state

PASSWORD = "a password of the test's"
CROWD = 50
# Of a call of the cache, whatever has happened to its servers; on a machine that is busy with other things.
BOUND_SECONDS = 0.5
# Of a whole request, while a replica takes over.
REQUEST_SECONDS = 1.0
PROMOTION_SECONDS = 8

pytestmark = pytest.mark.usefixtures("app")  # which has migrated the database


def settings_of(settings, nodes: Guarded | Ring, password: str = ""):
    if isinstance(nodes, Ring):
        where = {"redis_cluster": tuple(node.address for node in nodes.nodes)}
    else:
        where = {"redis_sentinels": tuple(node.address for node in nodes.sentinels)}
    return replace(settings, redis_url="", redis_password=password, **where)


@contextmanager
def serving(settings):
    """An application of its own, within its context."""
    app = create_app(settings, testing=True)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module", params=[sentinels, cluster], ids=["sentinels", "cluster"])
def nodes(request, tmp_path_factory):
    """Servers with a password, that nothing happens to."""
    with request.param(tmp_path_factory.mktemp("nodes"), PASSWORD) as started:
        yield started


@pytest.fixture
def service(nodes, settings):
    """The application on `nodes`."""
    with serving(settings_of(settings, nodes, PASSWORD)) as made:
        get_cache().flush_db()
        yield made


@contextmanager
def statements():
    """The SQL that is sent within the block, but for the question every eight seconds what has changed."""
    sent = []

    def note(_connection, _cursor, statement, *_):
        if "fact_changes" not in statement:
            sent.append(statement)

    db.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        db.event.remove(db.engine, "before_cursor_execute", note)


def signed_in(app, person) -> Client:
    client = Client(app)
    client.sign_in(person.phone, PIN)
    return client


def forget_nearby(app) -> None:
    """Let the process forget whom it has just seen, as it does after a second."""
    app.extensions["callers"].clear()


def timed(act) -> tuple:
    began = time.monotonic()
    return act(), time.monotonic() - began


def test_keys_are_kept_found_and_forgotten(service):
    cache = get_cache()
    many = {f"settings:{number}": number for number in range(100)}
    assert sorted(cache.set_many(many, ttl=60)) == sorted(many)
    assert cache.get_many(*many, "nothing") == [*range(100), None]
    assert cache.set("business:7:a", {"data": "value"}, ttl=60)
    assert cache.get("business:7:a") == {"data": "value"}
    assert not cache.add("business:7:a", 1)
    assert cache.set_many({"business:7:a": 1, "business:7:b": 2}, ttl=60, new_only=True) == ["business:7:b"]
    assert cache.delete("settings:1")
    assert not cache.delete("settings:1")
    assert cache.delete_many("settings:2", "settings:3") == ["settings:2", "settings:3"]
    assert cache.clear_pattern("settings:*") == 97
    assert cache.flush_db() == 2
    assert cache.get_many(*many) == [None] * 100


def test_who_is_calling_is_found_there(service, cast):
    client = signed_in(service, cast.chidi)
    client.ok("GET", "/auth/me")
    forget_nearby(service)
    with statements() as sent:
        assert client.ok("GET", "/auth/me")["id"] == cast.chidi.user_id
    assert sent == []


def test_who_has_signed_out_at_one_instance_is_refused_by_another(service, cast, nodes, settings):
    client = signed_in(service, cast.dupe)
    with serving(settings_of(settings, nodes, PASSWORD)) as other:
        there = Client(other, client.token)
        there.ok("GET", "/auth/me")
        client.ok("POST", "/auth/logout")
        forget_nearby(other)
        assert [client.get("/auth/me").status, there.get("/auth/me").status] == [401, 401]


def test_the_figures_are_those_of_all_servers(service, nodes):
    cache = get_cache()
    cache.set_many({str(number): number for number in range(30)})
    cache.get_many(*(str(number) for number in range(60)))
    masters = nodes.nodes if isinstance(nodes, Ring) else [nodes.master]
    for node in masters:
        node.client.ping()
    found = redis_info()
    infos = [node.client.info() for node in masters]
    for name in ("keyspace_hits", "keyspace_misses", "connected_clients"):
        assert found[name] == sum(info[name] for info in infos)
    assert (found["state"], found["used_memory_human"][-1], found["hit_rate"][-1]) == ("connected", "M", "%")


def test_a_crowd_larger_than_the_pool_waits_its_turn(service):
    get_cache().set_many({str(number): number for number in range(10)})

    def ask(lane):
        with service.app_context():
            return get_cache().get(str(lane % 10)) in (lane % 10, None)

    rounds = race([lambda _, lane=lane: ask(lane) for lane in range(2 * CROWD)], rounds=3)
    assert rounds == [[True] * 2 * CROWD] * 3
    # Who waits too long for a turn misses, which is no failure of the servers.
    assert get_cache().cache.servers_left_alone == 0
    assert get_cache().get("7") == 7


def test_nothing_is_asked_before_it_is_needed(settings, tmp_path):
    ports = free_ports(3)
    addresses = tuple(("127.0.0.1", port) for port in ports)
    for name, start in (("redis_sentinels", sentinels), ("redis_cluster", cluster)):
        absent = replace(settings, redis_url="", **{name: addresses})
        with serving(absent):
            answers = [timed(lambda: get_cache().get("key")) for _ in range(20)]
            assert {answer for answer, _ in answers} == {None}
            assert max(seconds for _, seconds in answers) < BOUND_SECONDS
            assert (redis_info()["state"], get_cache().flush_db()) == ("unreachable", 0)
            (tmp_path / name).mkdir()
            with start(tmp_path / name, ports=ports):
                wait_for(lambda: get_cache().set("key", 1))
                assert get_cache().get("key") == 1


class TestSentinel:
    @pytest.fixture
    def guarded(self, tmp_path):
        with sentinels(tmp_path) as guarded:
            yield guarded

    def test_reads_go_to_the_master(self, guarded, settings):
        with serving(settings_of(settings, guarded)):
            get_cache().set("key", 0)
            psutil.Process(guarded.replica.process.pid).suspend()
            for number in range(20):
                get_cache().set("key", number)
                assert get_cache().get("key") == number
            psutil.Process(guarded.replica.process.pid).resume()
        assert (guarded.master.calls("get"), guarded.replica.calls("get")) == (20, 0)

    def test_a_killed_master_is_replaced_and_nobody_notices(self, guarded, settings, cast):
        with serving(settings_of(settings, guarded)) as app:
            client = signed_in(app, cast.chidi)
            client.ok("GET", "/auth/me")
            guarded.master.kill()
            began, seen = time.monotonic(), []
            while not get_cache().set("key", "kept by the replica"):
                forget_nearby(app)
                answer, seconds = timed(lambda: client.get("/auth/me"))
                seen.append((answer.status, seconds))
                assert time.monotonic() - began < PROMOTION_SECONDS
                time.sleep(0.02)
            assert {status for status, _ in seen} == {200}
            assert max(seconds for _, seconds in seen) < REQUEST_SECONDS
            assert guarded.replica.client.info("replication")["role"] == "master"
            client.ok("GET", "/auth/me")
            forget_nearby(app)
            with statements() as sent:
                client.ok("GET", "/auth/me")
            assert sent == []

    def test_a_read_that_is_broken_off_is_no_answer_to_the_next(self, guarded, settings):
        master = psutil.Process(guarded.master.process.pid)
        with serving(settings_of(settings, guarded)):
            get_cache().set_many({"one": 1, "two": 2})
            master.suspend()
            with pytest.raises(BrokenOff), broken_off_after(0.02):
                get_cache().get("one")
            threading.Timer(0.01, master.resume).start()
            assert get_cache().get("two") == 2

    def test_a_frozen_master_costs_little(self, guarded, settings):
        with serving(settings_of(settings, guarded)) as app:
            get_cache().set("key", 1)
            psutil.Process(guarded.master.process.pid).suspend()
            crowd_costs_little(app)
            wait_for(lambda: get_cache().set("key", 2))
            assert get_cache().get("key") == 2


class BrokenOff(BaseException):
    """Raised in the middle of whatever is under way, as gevent raises a request's deadline."""


@contextmanager
def broken_off_after(seconds: float):
    def break_off(*_):
        raise BrokenOff

    before = signal.signal(signal.SIGALRM, break_off)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def crowd_costs_little(app) -> None:
    """A crowd that asks at once, several times over, waits briefly: nobody queues behind the others' failures."""

    def ask(number):
        with app.app_context():
            return timed(lambda: get_cache().get(f"key {number}"))[1]

    rounds = race([ask] * CROWD, rounds=5)
    assert max(seconds for crowd in rounds for seconds in crowd) < BOUND_SECONDS


class TestCluster:
    @pytest.fixture
    def ring(self, tmp_path):
        """Three masters, which go on without each other."""
        with cluster(tmp_path, "", "--cluster-require-full-coverage", "no") as ring:
            yield ring

    def test_what_is_one_users_comes_with_one_command(self, ring, settings, cast):
        with serving(settings_of(settings, ring)) as app:
            client = signed_in(app, cast.chidi)
            client.ok("GET", "/auth/me")
            for _ in range(5):
                ring.reset_statistics()
                forget_nearby(app)
                client.ok("GET", "/auth/me")
                assert (ring.total("mget"), ring.total("get"), ring.total("cluster|slots")) == (1, 0, 0)
            assert not any(node.client.info("errorstats") for node in ring.nodes)

    def test_many_users_are_forgotten_in_one_round_trip_to_each_node(self, ring, settings):
        users = [CacheKeys.format(CacheKeys.USER, user_id=number) for number in range(2000)]
        with serving(settings_of(settings, ring)):
            get_cache().set_many(dict.fromkeys(users, 1))
            ring.reset_statistics()
            _, seconds = timed(lambda: facts.forget(*users))
            assert get_cache().get_many(*users) == [facts.GONE] * 2000
        assert (ring.total("set"), ring.total("cluster|slots")) == (2000, 0)
        assert seconds < BOUND_SECONDS
        assert not any(node.client.info("errorstats") for node in ring.nodes)

    def test_without_one_node_the_others_go_on(self, ring, settings, cast):
        keys = [f"settings:{number}" for number in range(300)]
        with serving(settings_of(settings, ring)) as app:
            people = [signed_in(app, person) for person in (cast.chidi, cast.dupe, cast.emeka, cast.funke)]
            get_cache().set_many(dict.fromkeys(keys, 1))
            lost = ring.nodes[0]
            left = [key for key in keys if ring.owner(f"ofektom:{key}") is not lost]
            lost.kill()
            answers = [timed(lambda key=key: get_cache().get(key)) for key in keys for _ in range(2)]
            assert sum(answer == 1 for answer, _ in answers) == 2 * len(left)
            assert max(seconds for _, seconds in answers) < BOUND_SECONDS
            for _ in range(5):
                forget_nearby(app)
                assert {client.get("/auth/me").status for client in people} == {200}
            assert get_cache().get_many(*left) == [1] * len(left)
            assert set(get_cache().set_many(dict.fromkeys(keys, 2))) == set(left)
            assert (redis_info()["state"], get_cache().clear_pattern("settings:*")) == ("unreachable", len(left))

    def test_a_frozen_node_costs_little(self, ring, settings):
        with serving(settings_of(settings, ring)) as app:
            get_cache().set_many({f"key {number}": number for number in range(CROWD)})
            for node in ring.nodes:
                psutil.Process(node.process.pid).suspend()
            crowd_costs_little(app)
            for node in ring.nodes:
                psutil.Process(node.process.pid).resume()
            wait_for(lambda: get_cache().get_many("key 0", "key 1", "key 2", "key 3") == [0, 1, 2, 3])

    def test_forgetting_many_when_a_node_is_frozen_does_not_take_a_wait_for_each(self, ring, settings):
        users = [CacheKeys.format(CacheKeys.USER, user_id=number) for number in range(500)]
        with serving(settings_of(settings, ring)):
            get_cache().set_many(dict.fromkeys(users, 1))
            psutil.Process(ring.nodes[1].process.pid).suspend()
            _, seconds = timed(lambda: facts.forget(*users))
            psutil.Process(ring.nodes[1].process.pid).resume()
        assert seconds < BOUND_SECONDS

    def test_a_cluster_that_is_down_without_one_node_is_left_alone(self, tmp_path, settings, cast):
        with cluster(tmp_path) as ring, serving(settings_of(settings, ring)) as app:
            client = signed_in(app, cast.chidi)
            ring.nodes[0].kill()
            others = ring.nodes[1:]
            wait_for(lambda: all(state(other) == "fail" for other in others))
            for _ in range(20):
                forget_nearby(app)
                answer, seconds = timed(lambda: client.get("/auth/me"))
                assert (answer.status, seconds < BOUND_SECONDS) == (200, True)
            for number in range(50):
                get_cache().get(str(number))
            assert get_cache().cache.servers_left_alone == 3

    def test_a_slot_that_moves_is_followed(self, ring, settings):
        with serving(settings_of(settings, ring)):
            get_cache().set("moving", 1)
            source = ring.owner("ofektom:moving")
            target = next(node for node in ring.nodes if node is not source)
            names = {node: node.client.execute_command("CLUSTER MYID") for node in (source, target)}
            slot = source.client.execute_command("CLUSTER KEYSLOT", "ofektom:moving")
            target.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[source])
            source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[target])
            assert get_cache().get("moving") == 1, "not moved yet"
            source.client.execute_command("MIGRATE", "127.0.0.1", target.port, "ofektom:moving", 0, 1000)
            assert get_cache().get("moving") == 1, "on its way"
            assert get_cache().set("moving", 2)
            for node in (target, source):
                node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", names[target])
            assert get_cache().get("moving") == 2, "moved"
            time.sleep(LOOK_SECONDS)
            get_cache().get("moving")
            ring.reset_statistics()
            assert get_cache().get_many("moving", "moving") == [2, 2]
            assert not any(node.client.info("errorstats") for node in ring.nodes)

    def test_a_crowd_that_comes_first_finds_the_nodes_once(self, ring, settings):
        with serving(settings_of(settings, ring)) as app:
            ring.reset_statistics()

            def ask(_):
                with app.app_context():
                    return get_cache().get("key")

            assert race([ask] * CROWD) == [[None] * CROWD]
            wait_for(lambda: get_cache().set("key", 1))
            assert ring.total("cluster|slots") == 1

    def test_a_node_that_is_back_is_used_again(self, ring, settings):
        with serving(settings_of(settings, ring)):
            get_cache().set("key", 1)
            owner = psutil.Process(ring.owner("ofektom:key").process.pid)
            owner.suspend()
            for _ in range(5):
                assert get_cache().get("key") is None
            owner.resume()
            _, seconds = timed(lambda: wait_for(lambda: get_cache().get("key") == 1))
            assert seconds < OPEN_SECONDS + BOUND_SECONDS
