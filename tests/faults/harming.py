"""A Redis of a test's own, and what may happen to it."""

import signal
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import redis

from tests.conf.processes import free_port, redis_server

FLUSHES_APART_SECONDS = 1.0
SERVICE_USER, SERVICE_PASSWORD = "service", "not-a-real-one"
OURS = "ofektom:*"


@contextmanager
def tardy_proxy(port: int, target: int, seconds: float) -> Iterator[None]:
    """Listens on `port` and passes everything on to `target`, whose answers it holds back."""

    class PassOn(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", target)) as server:
                answers = threading.Thread(target=copy, args=[server, self.request, seconds], daemon=True)
                answers.start()
                copy(self.request, server, 0)
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                answers.join(10)

    with TardyServer(("127.0.0.1", port), PassOn) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, args=[0.05], daemon=True)
        serving.start()
        try:
            yield
        finally:
            proxy.shutdown()
            serving.join(10)


class TardyServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # the service keeps its connections
    request_queue_size = 100


def copy(source: socket.socket, target: socket.socket, wait: float) -> None:
    """Send on what is received until either side has had enough."""
    with suppress(OSError):
        while data := source.recv(65536):
            time.sleep(wait)
            target.sendall(data)


class Redis:
    """A Redis server that the service uses as a user of its own, so that its rights may change."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.client = redis.Redis(port=self.port)  # with all rights, and never through a proxy

    @property
    def url(self) -> str:
        return f"redis://{SERVICE_USER}:{SERVICE_PASSWORD}@127.0.0.1:{self.port}/0"

    @contextmanager
    def running(self, late: float = 0.0) -> Iterator["Redis"]:
        """The server runs until the end of the block, unless it is killed before. Its answers are so many seconds late.

        If they are, it is another port that it listens on, and a proxy where the service looks for it.
        """
        port = free_port() if late else self.port
        with ExitStack() as stack:
            stack.enter_context(redis_server(port, self.folder))
            self.client = stack.enter_context(redis.Redis(port=port))
            self.allow("allcommands")
            if late:
                stack.enter_context(tardy_proxy(self.port, port, late))
            yield self

    def allow(self, *rules: str) -> None:
        """Change what the service may do."""
        self.client.execute_command(
            "ACL", "SETUSER", SERVICE_USER, "on", f">{SERVICE_PASSWORD}", "~*", "resetchannels", *rules
        )

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "pid").read_text()))

    def kill(self) -> None:
        """End it at once and wait until it has gone."""
        process = self.process
        process.kill()
        psutil.wait_procs([process], timeout=10)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @contextmanager
    def flushed(self, apart: float = FLUSHES_APART_SECONDS) -> Iterator[None]:
        """Flushed over and over until the end of the block."""
        over = threading.Event()

        def flush() -> None:
            while not over.is_set():
                self.client.flushall()
                over.wait(apart)

        flusher = threading.Thread(target=flush, daemon=True)
        flusher.start()
        try:
            yield
        finally:
            over.set()
            flusher.join(10)

    def raw(self) -> dict[bytes, bytes]:
        """What lies under each key of the service, seals and all."""
        keys = list(self.client.scan_iter(OURS, count=1000))
        found = self.client.mget(keys) if keys else []
        return {key: value for key, value in zip(keys, found, strict=True) if value is not None}

    def dumped(self) -> dict[bytes, tuple[bytes, int]]:
        """A snapshot: each key with its serialized value and how many milliseconds it has to live."""
        return {key: (self.client.dump(key), max(self.client.pttl(key), 0)) for key in self.client.scan_iter(OURS)}

    def restore(self, snapshot: dict[bytes, tuple[bytes, int]]) -> None:
        """Bring a snapshot back, over whatever there is now."""
        for key, (value, life) in snapshot.items():
            if value is not None:
                self.client.restore(key, life, value, replace=True)
