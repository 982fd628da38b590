"""Health and metrics of a real service: true over both workers, whichever is asked, while workers and Redis die."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import psycopg2
import pytest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_plain

from tests.concurrency.race import separate_database
from tests.conf.processes import Answer, ask, free_port, program, running
from tests.faults.damage import wait_until
from tests.faults.servers import gunicorn

POOL_SIZE = 20  # the default of DB_POOL_SIZE, divided over the workers
AT_ONCE = 6


@pytest.fixture(scope="module")
def url(database_url):
    """A database to which nobody but the service connects. Health needs no table."""
    with separate_database(database_url, "counted") as url:
        yield url


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The directory of the workers' numbers."""
    return tmp_path_factory.mktemp("numbers")


@pytest.fixture(scope="module")
def redis_port():
    return free_port()


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def service(url, settings, port, place, redis_port, tmp_path_factory):
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    environment = {
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "OPS_NETWORKS": "127.0.0.1/32",
        "PROMETHEUS_MULTIPROC_DIR": str(place),
    }
    with gunicorn(settings, url, port, log, **environment) as server:
        wait_until(lambda: len(server.children()) == 2)
        yield server


@pytest.fixture
def redis(redis_port, tmp_path):
    """A Redis of the test's own."""
    command = [program("redis-server"), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", ""]
    with running([*command, "--dir", str(tmp_path)], redis_port, tmp_path / "log") as process:
        yield psutil.Process(process.pid)


class Instance:
    """The service as its operator sees it."""

    def __init__(self, port: int):
        self.port = port

    def get(self, path: str, client: str = "127.0.0.1", **headers: str) -> Answer:
        return ask(self.port, path, headers=headers, client=client)

    def metrics(self) -> dict:
        answer = self.get("/metrics")
        assert answer.status == 200
        return answer.json

    def count(self, endpoint: str = "ops.live") -> int:
        return self.metrics()["requests"].get(endpoint, {"count": 0})["count"]

    def call(self, path: str, times: int) -> None:
        """Ask for `path` on connections of their own, several at once, so that both workers get some."""
        with ThreadPoolExecutor(AT_ONCE) as crowd:
            assert {answer.status for answer in crowd.map(self.get, [path] * times)} == {200}


@pytest.fixture
def instance(service, port) -> Instance:
    return Instance(port)


def counted_by_each(place, endpoint: str) -> list[int]:
    """How many requests of `endpoint` each worker's file says."""
    return [
        sum(value for key, value, *_ in MmapedDict.read_all_values_from_file(file) if endpoint in key and "_sum" in key)
        for file in place.glob("histogram_*.db")
    ]


def connections(url: str) -> int:
    """How many the server counts, this one aside."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as sql:
            sql.execute("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")
            return sql.fetchone()[0]
    finally:
        connection.close()


def test_counts_are_those_of_both_workers_whichever_is_asked(instance, place):
    before = instance.count()
    instance.call("/livez", 60)
    wait_until(lambda: instance.call("/livez", AT_ONCE) or sum(map(bool, counted_by_each(place, "ops.live"))) == 2)
    sent = instance.count() - before
    assert sent >= 66
    assert {instance.count() for _ in range(8)} == {before + sent}


def test_the_pool_is_the_sum_of_the_pools(instance, url):
    instance.call("/readyz", 40)
    wait_until(lambda: instance.metrics()["database"]["total_connections"] == connections(url) > 1)
    for _ in range(6):
        pool = instance.metrics()["database"]
        assert (pool["pool_size"], pool["connections_checked_out"], pool["overflow"]) == (POOL_SIZE, 0, 0)
        assert pool["connections_checked_in"] == pool["total_connections"] == connections(url)


def test_a_killed_worker_takes_its_pool_along_and_leaves_its_counts(instance, service, url):
    instance.call("/readyz", 40)
    counts = [instance.count()]
    victim = service.children()[0]
    victim.kill()
    while victim.is_running() or len(service.children()) != 2:
        counts.append(instance.count())
    wait_until(lambda: instance.metrics()["database"]["pool_size"] == POOL_SIZE)
    wait_until(lambda: instance.metrics()["database"]["total_connections"] == connections(url))
    instance.call("/livez", 40)
    counts.append(instance.count())
    assert counts == sorted(counts)
    assert counts[-1] == counts[0] + 40


def test_a_reload_loses_no_counts_and_leaves_few_files(instance, service, place):
    instance.call("/livez", 20)
    counts = [instance.count()]
    old = set(service.children())
    service.send_signal(signal.SIGHUP)
    wait_until(lambda: len(set(service.children()) - old) == 2)
    wait_until(lambda: not old & set(service.children()))
    wait_until(lambda: instance.metrics()["database"]["pool_size"] == POOL_SIZE)
    counts.append(instance.count())
    assert counts[0] == counts[1]
    assert len(list(place.glob("histogram_*.db"))) <= 4, "a file for each desk, not for each worker there has been"
    assert len(list(place.glob("gauge_*.db"))) == 2


@pytest.mark.parametrize(
    ("accept", "read"), [("text/plain", read_plain), ("application/openmetrics-text", read_openmetrics)]
)
def test_prometheus_reads_the_same_sums(instance, accept, read):
    instance.call("/livez", 5)
    answer = instance.get("/metrics", Accept=accept)
    assert answer.headers["Content-Type"].startswith(accept)
    samples = {family.name: family.samples for family in read(answer.body.decode())}
    count = sum(
        sample.value
        for sample in samples["ofektom_request_seconds"]
        if sample.name.endswith("_count") and sample.labels["endpoint"] == "ops.live"
    )
    assert count == instance.count()
    assert [sample.value for sample in samples["ofektom_pool_size"]] == [POOL_SIZE]


def test_health_and_metrics_know_redis(instance, redis):
    wait_until(lambda: all(instance.get("/health").json["status"] == "healthy" for _ in range(6)))
    health = instance.get("/health")
    assert (health.status, health.json["status"], health.json["redis"]) == (200, "healthy", "connected")
    seen = instance.metrics()["redis"]
    assert (seen["state"], seen["connected_clients"] >= 1) == ("connected", True)
    assert seen["used_memory_human"][-1] in "KMG"
    assert (seen["keyspace_hits"], seen["hit_rate"]) == (0, None)


@pytest.mark.parametrize("harm", ["kill", "suspend"])
def test_without_redis_it_is_degraded_and_not_down(instance, redis, harm):
    wait_until(lambda: all(instance.get("/health").json["status"] == "healthy" for _ in range(6)))
    getattr(redis, harm)()
    began = time.monotonic()
    try:
        answers = [instance.get("/health") for _ in range(4)]
        assert time.monotonic() - began < 2
        metrics = instance.metrics()
    finally:
        redis.kill()
    for answer in answers:
        body = answer.json
        assert (answer.status, body["status"], body["redis"]) == (200, "degraded", "unreachable")
        assert body["database"] == "healthy"
    assert metrics["redis"] == {"state": "unreachable"} | dict.fromkeys(metrics["redis"].keys() - {"state"})


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_from_outside_there_is_nothing(instance, path):
    strangers = [
        instance.get(path, client="127.0.0.2"),
        instance.get(path, **{"X-Forwarded-For": "127.0.0.1"}),
        instance.get(path, Forwarded="for=127.0.0.1"),
        instance.get(path, client="127.0.0.2", **{"X-Forwarded-For": "127.0.0.1"}),
    ]
    nothing = instance.get("/nothing", client="127.0.0.2")
    for answer in strangers:
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json | {"request_id": None} == nothing.json | {"request_id": None}
    assert instance.get(path).status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_from_outside_it_is_alive_and_ready(instance, path):
    assert instance.get(path, client="127.0.0.2", **{"X-Forwarded-For": "203.0.113.9"}).status == 200
