"""A client that costs little: requests encoded beforehand, sent over kept-alive connections from another process."""

import itertools
import multiprocessing
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What a drive saw. Latencies in milliseconds, `seconds` from the first request to the last answer."""

    requests: int
    seconds: float
    statuses: dict[int, int]
    p50: float
    p99: float


def encode(method: str, path: str, token: str | None = None, body: bytes = b"", **headers: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"Content-Type: application/json\r\nContent-Length: {len(body)}"] if body or method == "POST" else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(port: int, requests: Sequence[bytes], *, total: int, connections: int) -> Outcome:
    """Send `total` requests, going round `requests`, over so many connections at once."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_drive, (port, requests, total, connections))


def _drive(port: int, requests: Sequence[bytes], total: int, connections: int) -> Outcome:
    turns, latencies, statuses = itertools.count(), [], Counter()

    def talk() -> None:
        with socket.create_connection(("127.0.0.1", port), 30) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (turn := next(turns)) < total:
                began = time.perf_counter()
                line.sendall(requests[turn % len(requests)])
                statuses[_answer(line)] += 1
                latencies.append((time.perf_counter() - began) * 1000)

    threads = [threading.Thread(target=talk) for _ in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    centiles = statistics.quantiles(latencies, n=100)
    return Outcome(len(latencies), seconds, dict(statuses), centiles[49], centiles[98])


def _answer(line: socket.socket) -> int:
    """Read one answer to its end; its status."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _more(line)
    head = received[:end].lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    while len(received) < end + 4 + length:
        received += _more(line)
    return int(head[9:12])


def _more(line: socket.socket) -> bytes:
    data = line.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection in mid-answer")
    return data
