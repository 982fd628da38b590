"""Where a message ends is not open to doubt: neither nginx nor an instance takes one that ends in two places."""

import re
import socket
from contextlib import ExitStack, suppress

import pytest

from tests.conf.processes import free_port, gunicorn
from tests.conf.proxy import nginx

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
DOUBTFUL = {
    "length and chunks": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "a list of lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "a sign": b"Content-Length: +2\r\n\r\n{}",
    "a blank before the colon": b"Content-Length : 2\r\n\r\n{}",
    "chunks, a blank before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks of another name": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks, then not": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks after a control character": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": b"Host: y\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """Of an instance, and of nginx before it."""
    instance, front, folder = free_port(), free_port(), tmp_path_factory.mktemp("smuggling")
    with ExitStack() as servers:
        servers.enter_context(gunicorn(instance, folder / "log", PROXY_HOPS="1"))
        servers.enter_context(nginx(folder, front, [instance] * 3))
        yield instance, front


def statuses(port: int, sent: bytes) -> list[int]:
    """The status of each answer to what is sent on one connection."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                said += piece
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_message_that_ends_in_two_places_is_refused(ports, name):
    """By one answer, and what was behind it is not taken for a request."""
    for port in ports:
        answered = statuses(port, b"POST / HTTP/1.1\r\nHost: x\r\n" + DOUBTFUL[name] + SMUGGLED)
        assert answered in ([400], [501]), port


def test_messages_that_end_in_one_place_are_answered_one_by_one(ports):
    for port in ports:
        assert statuses(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED) == [200, 200]


def test_trace_is_not_answered(ports, app):
    assert statuses(ports[1], b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == [400]
    assert app.test_client().open("/livez", method="TRACE").status_code == 405
