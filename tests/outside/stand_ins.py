"""Stand-ins for what is outside: an SMS carrier and receivers of webhooks, on real sockets, behaving as told."""

import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class StandIn:
    """A server and what it was sent. `plan` holds how the next calls are answered; after that `usual` answers."""

    usual: Callable
    calls: list[Call] = field(default_factory=list)
    plan: list[Callable] = field(default_factory=list)
    port: int = 0
    # No two carriers give out the same references.
    first: int = field(default_factory=lambda: random.randrange(10**20, 10**21))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def texts(self) -> list[str]:
        """What the SMS said, in the order in which they came."""
        return [call.json["sms"] for call in self.calls]

    def take(self, call: Call) -> tuple[int, Callable]:
        """Note a call; returns its number and how to answer it."""
        with self._lock:
            self.calls.append(call)
            return len(self.calls), self.plan.pop(0) if self.plan else self.usual


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.number, answer = self.server.stand_in.take(Call(self.path, dict(self.headers), body))
        answer(self)

    do_GET = do_POST

    def log_message(self, *_):
        pass


def status(code: int, body: bytes = b"", **headers: str) -> Callable:
    """An answer of a status."""

    def answer(handler: _Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def accepted(handler: _Handler) -> None:
    """What Termii answers to an SMS that it takes."""
    said = {
        "code": "ok",
        "message_id": str(handler.server.stand_in.first + handler.number),
        "message": "Successfully Sent",
        "balance": 9,
    }
    status(200, json.dumps(said | {"user": "Ada Thrift"}).encode(), Content_Type="application/json")(handler)


def reset(handler: _Handler) -> None:
    """The connection is torn down."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def garbage(handler: _Handler) -> None:
    """No HTTP at all."""
    handler.wfile.write(b"\x00\xffwhat?\r\n" * 10)
    handler.close_connection = True


def slow(seconds: float, then: Callable) -> Callable:
    """An answer after some time."""

    def answer(handler: _Handler) -> None:
        time.sleep(seconds)
        then(handler)

    return answer


def dripping(handler: _Handler) -> None:
    """A byte now and then, so that no timeout of a single read is ever over."""
    handler.close_connection = True
    try:
        for _ in range(100):
            handler.connection.sendall(b"H")
            time.sleep(0.1)
    except OSError:
        pass


@contextmanager
def stand_in(usual: Callable, *, context=None) -> Iterator[StandIn]:
    """Serve until the block ends; with `context` by TLS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    standing = server.stand_in = StandIn(usual, port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield standing
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
