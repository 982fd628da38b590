"""A proxy between a client and the service that loses answers, is busy and spoils tokens, as told."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOST, BUSY, SPOILT = "lost", "busy", "spoilt"
DROPPED = {"host", "connection", "transfer-encoding", "content-length"}


@dataclass
class MeanProxy:
    """What it has yet to do, by method and beginning of the path; and what came: (method, path, Idempotency-Key)."""

    service: int
    plan: dict[str, list[str]]
    came: list[tuple] = field(default_factory=list)
    port: int = 0

    def mischief(self, request: str) -> str | None:
        """What to do with a request, if anything; each is done once."""
        for beginning, steps in self.plan.items():
            if request.startswith(beginning) and steps:
                return steps.pop(0)
        return None


class _Handler(BaseHTTPRequestHandler):
    def _take(self):
        proxy, request = self.server.proxy, f"{self.command} {self.path}"
        proxy.came.append((self.command, self.path, self.headers["Idempotency-Key"]))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mischief = proxy.mischief(request)
        if mischief == BUSY:
            self._answer(503, {"Retry-After": "1", "Content-Type": "application/problem+json"}, b"{}")
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
        if mischief == SPOILT:
            headers["Authorization"] += "x"
        status, said, answer = self._forward(body, headers)
        if mischief == LOST:
            self.close_connection = True
        else:
            self._answer(status, said, answer)

    def _forward(self, body: bytes, headers: dict) -> tuple[int, dict, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.proxy.service, timeout=30)
        connection.request(self.command, self.path, body or None, headers)
        response = connection.getresponse()
        said = {name: value for name, value in response.headers.items() if name.lower() not in DROPPED}
        answer = response.read()
        connection.close()
        return response.status, said, answer

    def _answer(self, status: int, headers: dict, body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _take

    def log_message(self, *_):
        pass


@contextmanager
def mean_proxy(service: int, plan: dict[str, list[str]]) -> Iterator[MeanProxy]:
    """A proxy to the service on port `service`."""
    proxy = MeanProxy(service, plan)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.proxy, proxy.port = proxy, server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
