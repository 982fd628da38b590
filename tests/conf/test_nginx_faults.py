"""Instances that die behind nginx, and clients that take their time."""

import itertools
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conf.processes import Answer, ask, cut, free_port, gunicorn, wait_for
from tests.conf.proxy import nginx

AT_ONCE = 8
FAST = {"OFEKTOM_API_RATE": "9999r/s"}
HASTY = {
    "client_header_timeout 10s;": "client_header_timeout 1s;",
    "client_body_timeout 10s;": "client_body_timeout 1s;",
}


@contextmanager
def load(port: int):
    """GETs and POSTs without pause until the end of the block; the answers by method, complete after it."""
    answers: dict[str, list[Answer]] = {"GET": [], "POST": []}
    over, numbers = threading.Event(), itertools.count()

    def drive(method: str) -> None:
        while not over.is_set():
            answers[method].append(ask(port, f"/work/{next(numbers)}?seconds=0.02", method))

    with ThreadPoolExecutor(AT_ONCE) as crowd:
        driven = [crowd.submit(drive, method) for method in itertools.islice(itertools.cycle(answers), AT_ONCE)]
        try:
            yield answers
        finally:
            over.set()
    for one in driven:
        one.result()


def test_no_request_fails_when_an_instance_is_killed_under_load(tmp_path):
    port, ports = free_port(), [free_port() for _ in range(3)]
    with ExitStack() as stack:
        servers = [stack.enter_context(gunicorn(one, tmp_path / str(one))) for one in ports]
        stack.enter_context(nginx(tmp_path, port, ports, **FAST))
        with load(port) as answers:
            wait_for(lambda: len(answers["GET"]) > 30)
            before = len(answers["GET"])
            cut(servers[0])
            time.sleep(1.5)
        for server in servers[1:]:
            cut(server)  # they would wait for the connections that nginx keeps
    statuses = {method: Counter(answer.status for answer in got) for method, got in answers.items()}
    print(f"{statuses}, {before} GETs before")
    assert statuses["GET"].total() > before + 30
    assert set(statuses["GET"]) == {200}
    # Those that were at work in the instance may have been done: only who sent them may send them again.
    unknown = [answer.json["code"] for answer in answers["POST"] if answer.status != 200]
    assert set(unknown) <= {"outcome.unknown"}
    assert len(unknown) <= AT_ONCE / 2


class Up(BaseHTTPRequestHandler):
    """An instance that is there the moment it is started."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args) -> None:
        pass


def test_it_answers_again_within_2_seconds(tmp_path):
    port = free_port()

    def post() -> int:
        time.sleep(0.01)
        return ask(port, "/", "POST").status

    with ThreadingHTTPServer(("127.0.0.1", 0), Up, bind_and_activate=False) as server, ThreadPoolExecutor(1) as thread:
        server.server_bind()  # nobody else has the port, and nobody listens yet
        with nginx(tmp_path, port, [server.server_port, free_port(), free_port()], **FAST):
            assert {post() for _ in range(100)} == {503}
            began = time.monotonic()
            server.server_activate()
            thread.submit(server.serve_forever, 0.05)
            refused = sum(1 for _ in iter(post, 200))
            taken = time.monotonic() - began
        server.shutdown()
    print(f"200 after {taken:.2f} s and {refused} x 503")
    assert taken < 2.5, "2 s, and a busy machine"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A port at which nginx has patience for a second only, and what its log says."""
    place, port, instance = tmp_path_factory.mktemp("hasty"), free_port(), free_port()
    with gunicorn(instance, place / "instance.log"), nginx(place, port, [instance] * 3, HASTY):
        yield port, place / "access.log"


def trickle(port: int, head: str, pause: float) -> tuple[float, bytes]:
    """Send `head`, then a byte after each pause, until nginx has had enough: after how long, and what it answered."""
    began, answer = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", port), timeout=pause) as line:
        line.sendall(head.encode())
        for _ in range(round(10 / pause)):
            with suppress(TimeoutError):
                answer = line.recv(1000)
                break
            line.sendall(b"x")
    return time.monotonic() - began, answer


@pytest.mark.parametrize(
    ("head", "pause"),
    [
        ("GET /slow-header HTTP/1.1\r\nHost: a\r\nX-Name: ", 0.3),
        ("POST /slow-body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", 3),
    ],
)
def test_who_takes_too_long_is_cut_off(hasty, head, pause):
    port, log = hasty
    taken, answer = trickle(port, head, pause)
    assert (answer, 0.9 < taken < 5) == (b"", True)
    assert head.split()[1] not in log.read_text() or '"upstream":""' in log.read_text().splitlines()[-1]
    assert ask(port, "/").status == 200


def test_a_body_that_does_not_say_how_long_it_is_ends_at_the_limit_too(hasty):
    port, _ = hasty
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            for _ in range(32):
                line.sendall(piece)
        answer = line.recv(10_000).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert '"code":"request.too_large"' in answer
