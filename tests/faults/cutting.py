"""A proxy between the service and PostgreSQL that knows a COMMIT when it sees one, and may lose the connection there.

Of the protocol it reads the lengths of messages, the text of a simple query and the tag of a completed command: the
driver sends a transaction's last statements and COMMIT in one simple query (`ofektom/driver.py`).
"""

import random
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_DELAY_SECONDS = 0.05
# What may be done to a connection at a COMMIT. A lost one ends with a FIN, one that was reset with an RST.
HARMS = ("before", "after", "reset before", "reset after", "late")


class Messages:
    """Cuts a stream into messages; the first one of a client has no type."""

    def __init__(self, *, untyped: int = 0):
        self.received, self.untyped = b"", untyped

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The whole messages there are by now."""
        self.received += data
        while True:
            head = 0 if self.untyped else 1
            if len(self.received) < head + 4:
                return
            length = head + struct.unpack_from("!I", self.received, head)[0]
            if len(self.received) < length:
                return
            message, self.received = self.received[:length], self.received[length:]
            self.untyped = max(0, self.untyped - 1)
            yield message


def is_commit(message: bytes) -> bool:
    """Whether a client's message is a simple query that ends in COMMIT."""
    return message[:1] == b"Q" and message.rstrip(b"\0").endswith(b"COMMIT")


class CuttingProxy(socketserver.ThreadingTCPServer):
    """Passes on what is said to the PostgreSQL whose data is in `data_dir`.

    Of COMMITs it harms `share`, each in one of `harms`; `done` counts by harm those that came to pass: one that was
    cut after COMMIT had been carried out, and could not say so any more, counts under "after".
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # the service keeps its connections
    request_queue_size = 100

    def __init__(self, data_dir: Path, seed: int):
        super().__init__(("127.0.0.1", 0), Passing)
        self.path, self.random = str(data_dir / SOCKET_NAME), random.Random(seed)
        self.share, self.harms = 0.0, HARMS
        self.done: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where the service finds the database."""
        port = self.server_address[1]
        return f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"

    def choose(self) -> str | None:
        """What is to happen at this COMMIT."""
        with self.lock:
            return self.random.choice(self.harms) if self.random.random() < self.share else None

    def note(self, harm: str) -> None:
        """Count a harm that was done."""
        with self.lock:
            self.done[harm] += 1

    def shutdown_request(self, request) -> None:
        """Close it as it is: to shut it down first would say goodbye where there is to be a reset."""
        self.close_request(request)

    @contextmanager
    def running(self) -> Iterator["CuttingProxy"]:
        serving = threading.Thread(target=self.serve_forever, args=[0.05], daemon=True)
        serving.start()
        try:
            yield self
        finally:
            self.shutdown()
            serving.join(10)
            self.server_close()


class Passing(socketserver.BaseRequestHandler):
    """One connection. `harm` is what is to happen when the COMMIT that is under way has been carried out."""

    server: CuttingProxy

    def handle(self) -> None:
        self.harm: str | None = None
        self.is_lost = False
        with socket.socket(socket.AF_UNIX) as self.backend:
            # Whoever connects while PostgreSQL is away is refused, as it would be without us.
            with suppress(OSError):
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.backend.connect(self.server.path)
                threading.Thread(target=self._pass_answers, daemon=True).start()
                self._pass_questions()
            self._lose()

    def _pass_questions(self) -> None:
        messages = Messages(untyped=1)
        while data := self.request.recv(65536):
            for message in messages.feed(data):
                if is_commit(message) and not self._may_commit(self.server.choose()):
                    return
                self.backend.sendall(message)

    def _may_commit(self, harm: str | None) -> bool:
        """Do what is to be done before a COMMIT is passed on; whether it is."""
        if harm == "late":
            time.sleep(self.server.random.uniform(0, LONGEST_DELAY_SECONDS))
            self.server.note(harm)
        elif harm in ("before", "reset before"):
            self.server.note(harm)
            self._lose(harm)
            return False
        elif harm:
            self.harm = harm
        return True

    def _pass_answers(self) -> None:
        messages = Messages()
        with suppress(OSError):
            while data := self.backend.recv(65536):
                whole = list(messages.feed(data))
                harm = self.harm
                if harm and any(message[:1] == b"C" and message.endswith(b"COMMIT\0") for message in whole):
                    self.server.note(harm)
                    self._lose(harm)
                    return
                if harm and any(message[:1] == b"Z" for message in whole):  # it was refused: there is nothing to lose
                    self.harm = None
                self.request.sendall(b"".join(whole))
        self._lose()

    def _lose(self, harm: str = "") -> None:
        """End both sides, once."""
        if self.is_lost:
            return
        self.is_lost = True
        with suppress(OSError):
            if harm.startswith("reset"):
                # Closed without having been shut: nothing but the RST tells the peer.
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.request.shutdown(socket.SHUT_RD)
            else:
                self.request.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self.backend.shutdown(socket.SHUT_RDWR)
