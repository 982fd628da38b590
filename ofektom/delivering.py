"""`flask deliver`: what passes on the outbox's rows and sends what is to be sent, beside the web processes.

One thread passes on, and each channel has a thread of its own: a receiver that takes its time holds up nobody on
another channel. So has each chore of the slices, which has nothing to do with sending and is done here because a worker
is always there. Any number of these processes may run.
"""

import logging
import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from ofektom import deliveries, discovery, outbox, reporting
from ofektom.deliveries import Later, Never, Outcome

log = logging.getLogger(__name__)

IDLE_SECONDS = 1
CHORE_IDLE_SECONDS = 60
TROUBLED_SECONDS = 5
Sender = Callable[[dict], Outcome]


def listeners() -> list[outbox.Listener]:
    """What every slice does with a row of the outbox."""
    return [listen for module in discovery.find_slices().values() for listen in getattr(module, "LISTENERS", ())]


def senders() -> dict[str, Sender]:
    """Who sends what, by channel."""
    return {name: send for m in discovery.find_slices().values() for name, send in getattr(m, "SENDERS", {}).items()}


def chores() -> list[Callable[[], bool]]:
    """What is to be done now and then without anybody asking: each does a piece, and returns whether there was any."""
    return [chore for module in discovery.find_slices().values() for chore in getattr(module, "CHORES", ())]


def pass_on() -> bool:
    """Pass on some rows of the outbox; returns whether there were any."""
    return outbox.pass_on(listeners()) > 0


def deliver_one(channel: str, send: Sender) -> bool:
    """Send the next delivery of a channel that is due, if there is one; returns whether there was."""
    claimed = deliveries.claim(channel)
    if claimed is None:
        return False
    state = deliveries.settle(claimed, _send(claimed, send))
    facts = {"channel": channel, "delivery": claimed["id"], "attempt": claimed["attempts"], "state": state}
    log.info("delivery %s", "left to another worker" if state is None else state.value, extra=facts)
    return True


def _send(claimed: dict, send: Sender) -> Outcome:
    if claimed["expired"]:
        return Never("its time is over")
    if claimed["attempts"] > deliveries.MOST_ATTEMPTS:
        return Never("workers have died over it")
    try:
        return send(claimed)
    except Exception as error:
        log.exception("a delivery failed", extra={"delivery": claimed["id"]})
        return Later(f"a mistake of ours: {type(error).__name__}")


def deliver_all() -> dict[str, int]:
    """Pass on and send everything that is due now; returns how often it was tried, by channel."""
    _pass_all_on()
    return _send_all()


def _pass_all_on() -> None:
    while pass_on():
        pass


def _send_all(advance: Callable[[], None] = lambda: None) -> dict[str, int]:
    tried = {}
    for channel, send in senders().items():
        tried[channel] = 0
        while deliver_one(channel, send):
            tried[channel] += 1
            advance()
    return tried


def _deliver_once() -> dict:
    _pass_all_on()
    with reporting.progress(sum(deliveries.waiting().values()), "delivering") as advance:
        return {"tried": _send_all(advance)}


def _say_tried(found: dict) -> str:
    return " ".join(f"{channel}: {count} tried" for channel, count in found["tried"].items())


def _work(app: Flask, stop: threading.Event, step: Callable[[], bool], idle: float = IDLE_SECONDS) -> None:
    while not stop.is_set():
        pause = TROUBLED_SECONDS
        try:
            with app.app_context():
                pause = 0 if step() else idle
        except Exception as error:
            log.warning("cannot deliver at the moment: %s", type(error).__name__)
        stop.wait(pause)


@click.command("deliver", short_help="Send SMS, e-mail and webhooks, on and on.")
@click.option("--once", is_flag=True, help="Send what is due and end, instead of going on until told to stop.")
@reporting.reports(_say_tried)
@with_appcontext
def deliver(once: bool) -> dict | None:
    """Tell people and programs what happened: by SMS, e-mail, in the application and by webhook."""
    if once:
        return _deliver_once()
    app, stop = current_app._get_current_object(), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    steps = [pass_on, *((lambda c=channel, s=send: deliver_one(c, s)) for channel, send in senders().items())]
    threads = [threading.Thread(target=_work, args=(app, stop, step)) for step in steps]
    threads += [threading.Thread(target=_work, args=(app, stop, chore, CHORE_IDLE_SECONDS)) for chore in chores()]
    for thread in threads:
        thread.start()
    log.info("delivering")
    for thread in threads:
        thread.join()  # each ends what it has begun, which takes no longer than a call may
    log.info("stopped")
    return None


def _say_deliveries(found: dict) -> str:
    if "tried_again" in found:
        return f"{found['tried_again']} deliveries are tried anew"
    lines = [" ".join(f"{channel}: {rows} waiting" for channel, rows in found["waiting"].items()) or "all sent"]
    for row in found["given_up"]:
        ended, name = row["ended_at"].isoformat(timespec="seconds"), f"business {row['business_id']}, {row['id']}"
        lines.append(f"{ended} {row['channel']} {row['topic']} ({name}): {row['error']}, {row['attempts']} attempts")
    return "\n".join(lines)


@click.command("deliveries", short_help="Show what waits to be sent or was given up.")
@click.option("--again", multiple=True, metavar="CHANNEL", help="Try what was given up on this channel anew.")
@click.option("--hours", default=24, show_default=True, help="How far back --again goes.")
@reporting.reports(_say_deliveries)
@with_appcontext
def show_deliveries(again: tuple[str, ...], hours: int) -> dict:
    """Show how much waits to be sent and what was given up last, or try the latter anew."""
    if again:
        return {"tried_again": deliveries.try_again(list(again), timedelta(hours=hours))}
    return {"waiting": deliveries.waiting(), "given_up": deliveries.dead(50)}
