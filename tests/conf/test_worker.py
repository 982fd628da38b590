"""ofektom/worker.py: how a worker leaves, by stopping real ones."""

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psutil
import pytest
from gunicorn import http as http_parser
from gunicorn.config import Config
from gunicorn.http import wsgi

import ofektom.worker  # noqa: F401 - which changes how gunicorn answers
from tests.conf.processes import ask, free_port, gunicorn, listens, wait_for

CROWD = 30
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def kept_alive(port):
    """A connection that has had an answer and lies idle."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        assert fetch(connection) == "keep-alive"
        yield connection


def fetch(connection: http.client.HTTPConnection) -> str:
    """What becomes of the connection after another answer."""
    connection.request("GET", "/")
    response = connection.getresponse()
    assert (response.status, bool(response.read())) == (200, True)
    return response.headers["Connection"]


@pytest.mark.parametrize(
    ("status", "headers", "pieces", "sent"),
    [
        ("201 CREATED", [("Content-Length", "4")], [b"done"], [b"\r\n\r\ndone"]),
        ("200 OK", [], [b"some", b"more"], [b"\r\n\r\n4\r\nsome\r\n", b"4\r\nmore\r\n", b"0\r\n\r\n"]),
        ("304 NOT MODIFIED", [], [b""], [b"\r\n\r\n"]),
        ("204 NO CONTENT", [], [], [b"\r\n\r\n"]),
    ],
)
def test_the_head_of_an_answer_leaves_with_its_body(status, headers, pieces, sent):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        settings = Config()
        request = next(http_parser.get_parser(settings, [REQUEST], ("127.0.0.1", 1)))
        answer, _ = wsgi.create(request, ours, ("127.0.0.1", 1), ("127.0.0.1", 80), settings)
        answer.start_response(status, headers)
        for piece in pieces:
            answer.write(piece)
        answer.close()
        packets = [theirs.recv(1000) for _ in sent]
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
    assert packets[0].startswith(f"HTTP/1.1 {status}".encode())
    assert all(packet.endswith(end) for packet, end in zip(packets, sent, strict=True))


def test_it_serves_on_while_somebody_keeps_a_connection(tmp_path):
    port = free_port()
    with gunicorn(port, tmp_path / "log") as server, kept_alive(port) as connection:
        server.terminate()
        ends = time.monotonic() + 2.5  # gunicorn's own worker shuts the door within a second
        while time.monotonic() < ends:
            answer = ask(port, "/")
            assert answer.status == 200
        assert answer.headers["Connection"] == "close"
        assert fetch(connection) == "close"
        assert server.wait(10) == 0
    assert not listens(port)


def test_a_connection_that_nobody_uses_is_closed_without_a_word(tmp_path):
    port = free_port()
    with (
        gunicorn(port, tmp_path / "log", GUNICORN_CMD_ARGS="--graceful-timeout 13") as server,
        kept_alive(port) as idle,
    ):
        server.terminate()
        assert server.wait(13) == 0
        assert idle.sock.recv(100) == b""
    said = (tmp_path / "log").read_text()
    assert "SIGKILL" not in said
    assert "Error" not in said


def test_whoever_has_connected_is_answered(tmp_path):
    """Thirty are in the queue of a worker that is stuck and told to stop, at once: it takes them in before it goes."""
    port, at_once = free_port(), "--graceful-timeout 10"
    with gunicorn(port, tmp_path / "log", GUNICORN_CMD_ARGS=at_once) as server, ThreadPoolExecutor(1) as client:
        ask(port, "/")
        stuck = client.submit(ask, port, "/stuck")
        time.sleep(0.3)
        crowd = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(CROWD)]
        for line in crowd:
            line.sendall(REQUEST)
        server.terminate()
        answers = [line.recv(65536)[:12] for line in crowd]
        for line in crowd:
            line.close()
        assert answers == [b"HTTP/1.1 200"] * CROWD
        assert stuck.result().status == 200
        assert server.wait(10) == 0


@pytest.mark.parametrize("keep", [True, False])
def test_a_worker_that_has_served_its_number_is_replaced_unnoticed(tmp_path, keep):
    port = free_port()
    limits = "--max-requests 60 --max-requests-jitter 60"

    def come_and_go(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with closing(connection):
            for _ in range(100):
                if not keep:
                    connection.close()
                fetch(connection)

    with gunicorn(port, tmp_path / "log", workers=2, GUNICORN_CMD_ARGS=limits) as server:
        master = psutil.Process(server.pid)
        wait_for(lambda: len(master.children()) == 2)
        first = set(master.children())
        with ThreadPoolExecutor(6) as crowd:
            list(crowd.map(come_and_go, range(6)))
        wait_for(lambda: not first <= set(master.children()))
