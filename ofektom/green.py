"""gevent and what blocks: psycopg2's waits, a request's deadline, and work that would stall the hub."""

import contextlib
import logging
from collections.abc import Callable, Iterator

import gevent
from gevent import monkey

from ofektom.errors import DeadlineExceeded

log = logging.getLogger(__name__)

# What a deadline raises inside the greenlet it ends.
Expired = gevent.Timeout


def patch_psycopg() -> None:
    """Let psycopg2 yield to other greenlets while it waits. Process-wide; called after each fork.

    Without it ten 0.3 s queries of one worker take 3 s instead of 0.3 s.
    """
    from psycogreen.gevent import patch_psycopg as patch

    patch()


def is_green() -> bool:
    """Whether this process runs on gevent (a gunicorn worker) and not on plain threads (tests, commands)."""
    return monkey.is_module_patched("socket")


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlineExceeded when the block takes longer than `seconds`. Plain threads have no deadline.

    No timeout of a server fires when that server is frozen, so the application must have its own.
    """
    if not is_green():
        yield
        return
    timer = gevent.Timeout.start_new(seconds)
    try:
        yield
    except gevent.Timeout as expired:
        if expired is not timer:
            raise
        raise DeadlineExceeded from None
    finally:
        timer.close()


def repeat(seconds: float, function: Callable[[], None]) -> None:
    """Call `function()` every `seconds` for as long as this worker lives. Plain processes do not repeat anything."""

    def run() -> None:
        while True:
            gevent.sleep(seconds)
            try:
                function()
            except Exception:
                log.exception("a repeated task failed")

    if is_green():
        gevent.spawn(run)


def off_the_hub(function: Callable, *args):
    """Run CPU-heavy `function(*args)` in gevent's thread pool, so that the worker goes on serving meanwhile."""
    if not is_green():
        return function(*args)
    return gevent.get_hub().threadpool.apply(function, args)


def give_way() -> None:
    """Let the worker's other requests have their turn, in the middle of work that waits for nothing."""
    if is_green():
        gevent.sleep(0)
