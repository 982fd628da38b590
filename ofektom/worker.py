"""gunicorn's gevent worker, but one that leaves without cutting anybody off.

gunicorn's own closes its listener at once: who has connected and was not accepted yet is reset; while new workers boot
nobody is accepted; and connections that lie idle keep it until it is killed. This one first serves on, and ends each
connection with the answer to its next request, until there is nobody left to whom it could do harm.

And one that is never found to have said only that it answers: head and body of an answer leave together.

The master imports this, and keeps it when HUP brings its workers new code: only a restart changes it.
"""

import time
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

import gevent
from gevent.server import StreamServer
from gunicorn.http import wsgi
from gunicorn.workers.ggevent import GeventWorker

POLL_SECONDS = 0.1
# Between its connection and the first byte of its request a client on the same continent needs less.
ARRIVAL_SECONDS = 2
# Of graceful_timeout, what is kept for requests in hand (REQUEST_DEADLINE_SECONDS), for those about to arrive, and for
# the two loops of gunicorn that look once a second.
RESERVED_SECONDS = 8 + ARRIVAL_SECONDS + 2


class Answer(wsgi.Response):
    """Sends its head with the first piece of its body, in one call of the system.

    gunicorn's own sends it before: of a worker that is killed in between nginx has passed on a 201 and no receipt.
    """

    def write(self, piece: bytes) -> None:
        if self.headers_sent:
            super().write(piece)
            return
        connection, held = self.sock, []
        self.sock = SimpleNamespace(sendall=held.append)
        try:
            super().write(piece)
        finally:
            self.sock = connection
        connection.sendall(b"".join(held))


# What gunicorn makes an answer with, where it asks nobody.
wsgi.Response = Answer


class Waiting(gevent.Timeout):
    """The wait for a connection's next request: ends without one after `seconds`, or when it is made to."""

    def __init__(self, seconds: float, others: set):
        super().__init__(seconds, False)
        self.others = others

    def __enter__(self):
        self.greenlet = gevent.getcurrent()
        self.others.add(self)
        return super().__enter__()

    def __exit__(self, *error):
        self.others.discard(self)
        return super().__exit__(*error)

    def expire(self) -> None:
        """End it. Only for the hub to call: anywhere else the request might arrive first, and be cut off instead."""
        if self in self.others:
            self._on_expiration(self.greenlet, self)


class Door(StreamServer):
    """Accepts a worker's connections."""

    # A worker that takes several at a time takes more than its share.
    max_accept = 1

    def __init__(self, listener, *, worker: "Worker", **options):
        self.worker = worker
        super().__init__(listener, **options)

    def close(self) -> None:
        """Close when the worker may go, and take in who has connected by then: closing would reset them.

        Between the last look and the closing nothing else of this process runs.
        """
        if self.started:
            self.worker.serve_on()
        with suppress(OSError):
            while not self.closed and (taken := self.do_read()):
                self.do_handle(*taken)
        super().close()
        self.worker.part_with_the_idle()


class Worker(GeventWorker):
    """Serves until it is told to stop or has served its number of requests, and then for as long as it is needed."""

    # Shared with the master and the other workers: the age of the youngest that was forked, and of the youngest that
    # serves, or has died without (conf/gunicorn.py). gunicorn numbers its workers as it forks them.
    ages = (0, 0)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.early: set = set()  # greenlets of connections from before it was told to stop
        self.waiting: set[Waiting] = set()

    def server_class(self, listener, *, spawn, application, log, handler_class, environ, **tls) -> Door:
        """What accepts; gunicorn calls a class of that name, if there is one."""
        # A connection whose turn comes after the door was closed asks for the address, which a closed socket has not.
        address = listener.getsockname()
        door = SimpleNamespace(getsockname=lambda: address)
        return Door(listener, worker=self, handle=partial(self.handle, door), spawn=spawn, **tls)

    def handle(self, listener, client, addr) -> None:
        """Serve a connection to its end."""
        connection = gevent.getcurrent()
        if self.alive:
            self.early.add(connection)
        try:
            super().handle(listener, client, addr)
        finally:
            self.early.discard(connection)

    def timeout_ctx(self) -> Waiting:
        """The bound on the wait for a request."""
        return Waiting(self.cfg.keepalive, self.waiting)

    def serve_on(self) -> None:
        """Accept and answer until the early connections have ended and those forked since serve, if there is time.

        While `alive` is false each answer closes its connection. A proxy closes those it does not use by itself.
        """
        ends = time.monotonic() + self.cfg.graceful_timeout - RESERVED_SECONDS
        while time.monotonic() < ends and (self.early or self.ages[1] < self.ages[0]):
            self.notify()
            gevent.sleep(POLL_SECONDS)

    def part_with_the_idle(self) -> None:
        """Close the connections on which no request comes."""
        ends = time.monotonic() + ARRIVAL_SECONDS
        while time.monotonic() < ends and self.waiting:
            gevent.sleep(POLL_SECONDS)
        for one in self.waiting:
            gevent.get_hub().loop.run_callback(one.expire)
