"""How gunicorn serves Ofektom: `gunicorn -c conf/gunicorn.py wsgi:app`."""

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from itertools import count
from pathlib import Path

import gevent

STOPS = {signal.SIGTERM, signal.SIGQUIT}

bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # noqa: S104 - nginx or Heroku is in front
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "ofektom.worker.Worker"
# Requests a worker holds at once. Most of them wait, for the database's pool is far smaller.
worker_connections = int(os.environ.get("WORKER_CONNECTIONS", "500"))

# A connection opened before the fork is shared by all workers, and one then reads another's answers.
preload_app = False
# gunicorn would otherwise open a socket through which the running server can be commanded.
control_socket_disable = True

# A heartbeat, not a limit on a request: it ends a worker whose loop is stuck. Requests have a deadline apart.
timeout = 60
# Of it, 12 s are for requests in hand (ofektom/worker.py), and the rest is longer than the load balancer keeps an idle
# connection (10 s), so that no request arrives on one that is being closed. Heroku kills after 30 s.
graceful_timeout = 25
# Longer than whoever stands in front keeps an idle connection: nginx 10 s, Heroku's router 90 s.
keepalive = 100

# Bounds whatever a worker may leak. The jitter keeps workers, which are given equal shares, from booting together.
max_requests = 10_000
max_requests_jitter = 10_000

limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# No caller may say under which path we are mounted, even where FORWARDED_ALLOW_IPS trusts everybody: Heroku sets it so.
forwarder_headers = ""

# The application writes the line of each request itself, with the request's id and its actor.
accesslog = None
logconfig_dict = {
    "formatters": {"json": {"()": "ofektom.logs.JsonFormatter"}},
    "handlers": {
        "json": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"},
    },
    "root": {"level": "INFO", "handlers": ["json"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["json"], "propagate": False},
        # Heroku asks for access lines in GUNICORN_CMD_ARGS, which wins over `accesslog`; query strings are in them.
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}


def on_starting(server):
    """Refuse to start with settings that are unsafe, or that the database cannot serve.

    In a process of its own: what the master imports its workers have already, even when HUP brings them new code.
    """
    server.ages = multiprocessing.RawArray("L", 2)  # see ofektom/worker.py
    os.register_at_fork(before=_hold_signals, after_in_parent=_let_signals_through, after_in_child=_heed_signals)
    check = multiprocessing.get_context("fork").Process(target=_check_settings, args=[server.log])
    check.start()
    check.join()
    if check.exitcode:
        sys.exit(check.exitcode)


def _hold_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def _let_signals_through():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _heed_signals():
    """Let a worker be stopped while it boots.

    It starts with the master's signal handlers, which lose what they are sent in here: the master would
    then wait for the worker until `graceful_timeout`.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_DFL)
    _let_signals_through()


def _check_settings(log):
    from ofektom import pool
    from ofektom.config import ConfigurationError, load_settings

    try:
        settings = load_settings()
        pool.check_capacity(settings)
        pool.check_role(settings)
    except ConfigurationError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)


def when_ready(server):
    """Have a directory for the numbers that the workers keep for one another (ofektom/metrics.py).

    Here, and not where this file is read: that happens again on HUP, and for a mere check of the configuration.
    """
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not given:
        server.made_directory = tempfile.mkdtemp(prefix="ofektom-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.made_directory
        return
    Path(given).mkdir(parents=True, exist_ok=True)
    if not server.master_pid:  # on USR2 the old master's workers still count in there
        for stale in Path(given).glob("*.db"):
            stale.unlink(missing_ok=True)


def on_exit(server):
    """Remove the directory that was made for this run."""
    made = getattr(server, "made_directory", None)
    if made:
        shutil.rmtree(made, ignore_errors=True)


def pre_fork(server, worker):
    """Give the worker a desk of its own: its numbers go on where those of the last worker at this desk ended.

    With a file for each process instead there would be more to read with every worker that is replaced.
    """
    taken = {other.desk for other in server.WORKERS.values()}
    worker.desk = next(desk for number in count() if (desk := f"{server.pid}-{number}") not in taken)
    worker.ages = server.ages
    worker.ages[0] = worker.age


def child_exit(server, worker):
    """Forget what was true only while the worker lived, and let nobody wait for it."""
    from prometheus_client.multiprocess import mark_process_dead

    server.ages[1] = max(server.ages[1], worker.age)
    mark_process_dead(worker.desk)


def post_fork(server, worker):
    """Have a worker count at its desk."""
    from prometheus_client import values

    values.ValueClass = values.MultiProcessValue(lambda: worker.desk)


def post_worker_init(worker):
    """Make psycopg2 of this worker wait without blocking its other requests, and let older workers go."""
    from ofektom.green import patch_psycopg

    patch_psycopg()
    worker.ages[1] = max(worker.ages[1], worker.age)


def post_request(worker, req, environ, resp):
    """Let the other connections have their turn.

    A worker serves one kept-alive connection in a loop that need not ever wait, so a busy client would
    hold up everyone else: at 50 connections the slowest percent took 217 ms, and takes 28 ms with this.
    """
    gevent.sleep(0)
