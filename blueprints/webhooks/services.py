"""Verbs on webhooks; and what is made of the outbox's rows for them, and how a call is made."""

import contextlib
import secrets
import time

import orjson
from sqlalchemy import select

from blueprints.webhooks import queries
from blueprints.webhooks.models import Webhook
from blueprints.webhooks.rules import (
    CHANNEL,
    EVENTS,
    MOST_WEBHOOKS,
    TEST_EVENT,
    SwitchedOff,
    TooManyWebhooks,
    event_name,
    signature,
)
from ofektom import audit, clock, credentials, deliveries, outgoing
from ofektom.database import apply, verb
from ofektom.deliveries import Delivery, Later, Never, Outcome, Sent
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Business
from ofektom.outbox import Tell

GONE = 410
CALL_SECONDS = 10


def add(*, actor: Actor, url: str, events: list[str]) -> dict:
    """Have events sent to `url`. Returns the webhook with its secret, which is shown only now.

    Raises UrlRefused, TooManyWebhooks.
    """
    _check(url)
    return _add(actor=actor, url=url, events=events)


def _check(url: str) -> None:
    """Raise UrlRefused, before the transaction, for it may take a while.

    Web processes may have no way out, not even to ask for a name: then the worker finds out at the first call.
    """
    with contextlib.suppress(outgoing.UnknownHost):
        outgoing.resolve(outgoing.check_url(url))


@verb
def _add(*, actor: Actor, url: str, events: list[str]) -> dict:
    db.session.execute(select(Business.id).where(Business.id == actor.business_id).with_for_update(key_share=True))
    if queries.count(actor.business_id) >= MOST_WEBHOOKS:
        raise TooManyWebhooks
    seed = credentials.new_seed("token")
    found = Webhook(
        business_id=actor.business_id, url=url, events=sorted(events), seed=seed, created_by_id=actor.membership_id
    )
    db.session.add(found)
    db.session.flush()
    audit.record("webhooks.added", "webhook", found.id, actor=actor, after=_facts({"url": url, "events": events}))
    return queries.webhook(actor, found.id) | {"signing_secret": credentials.secret_of(seed)}


def _facts(changes: dict) -> dict:
    """Changes as the audit trail shows them: of an address no query, which may hold somebody's key."""
    return changes | {"url": changes["url"].partition("?")[0]} if "url" in changes else changes


def change(*, actor: Actor, webhook_id: int, changes: dict) -> dict:
    """Change url, events or is_active. Switched on, it gets what was held back. Raises NotFound, UrlRefused."""
    if "url" in changes:
        queries.webhook(actor, webhook_id)
        _check(changes["url"])
    return _change(actor=actor, webhook_id=webhook_id, changes=changes)


@verb
def _change(*, actor: Actor, webhook_id: int, changes: dict) -> dict:
    found = queries.locked(actor.business_id, webhook_id)
    before = apply(found, changes)
    if before.get("is_active", found.is_active) != found.is_active:
        (deliveries.release if found.is_active else deliveries.hold)(**_target(found))
    audit.record("webhooks.changed", "webhook", webhook_id, actor=actor, before=_facts(before), after=_facts(changes))
    return queries.webhook(actor, webhook_id)


def _target(found: Webhook) -> dict:
    return {"business_id": found.business_id, "channel": CHANNEL, "target_id": found.id}


@verb
def remove(*, actor: Actor, webhook_id: int) -> None:
    """Call an address no longer; what waits for it is given up. Raises NotFound."""
    found = queries.locked(actor.business_id, webhook_id)
    deliveries.drop("the webhook was removed", **_target(found))
    db.session.delete(found)
    audit.record("webhooks.removed", "webhook", webhook_id, actor=actor, before=_facts({"url": found.url}))


@verb
def rotate_secret(*, actor: Actor, webhook_id: int) -> dict:
    """Give a webhook another secret, which signs from now on whatever is sent. Raises NotFound."""
    found = queries.locked(actor.business_id, webhook_id)
    found.seed = credentials.new_seed("token")
    db.session.flush()
    audit.record("webhooks.secret_changed", "webhook", webhook_id, actor=actor)
    return queries.webhook(actor, webhook_id) | {"signing_secret": credentials.secret_of(found.seed)}


@verb
def send_test(*, actor: Actor, webhook_id: int) -> dict:
    """Send an event that means nothing, to see whether it arrives. Raises NotFound, SwitchedOff."""
    found = _switched_on(actor, webhook_id)
    made_up = {"business_id": actor.business_id, "id": secrets.randbits(62), "topic": TEST_EVENT, "facts": {}}
    made_up |= {"object_type": "webhook", "object_id": found.id, "member_id": None, "created_at": clock.read_now()}
    return queries.call(actor, webhook_id, _queue(made_up, found.id))


@verb
def replay(*, actor: Actor, webhook_id: int, delivery_id: int) -> dict:
    """Send an event again, by the same name, as a delivery of its own. Raises NotFound, SwitchedOff."""
    _switched_on(actor, webhook_id)
    queries.call(actor, webhook_id, delivery_id)
    sent = db.session.get(Delivery, (actor.business_id, delivery_id))
    about = {name: getattr(sent, name) for name in ("business_id", "event_id", "topic", "target_id", "content")}
    return queries.call(actor, webhook_id, deliveries.add(CHANNEL, sent.lane, **about))


def _switched_on(actor: Actor, webhook_id: int) -> Webhook:
    found = queries.locked(actor.business_id, webhook_id)
    if not found.is_active:
        raise SwitchedOff
    return found


def tell_programs(row: dict) -> None:
    """Have every webhook called that listens to a row's topic. Listens to the outbox."""
    if row["topic"] in EVENTS:
        for webhook_id in queries.listening(row["business_id"], row["topic"]):
            _queue(row, webhook_id)


def _queue(row: dict, webhook_id: int) -> int:
    named = {name: row[name] for name in ("object_type", "object_id", "member_id")}
    about = {"business_id": row["business_id"], "event_id": row["id"], "topic": row["topic"]}
    content = {"created_at": row["created_at"], "data": named | row["facts"]}
    return deliveries.add(CHANNEL, f"webhook:{webhook_id}", target_id=webhook_id, content=content, **about)


def call(claimed: dict) -> Outcome:
    """Make a claimed call: looked up, checked, signed now, and taken only when the answer is a 2xx."""
    found = queries.target(claimed["business_id"], claimed["target_id"])
    if found is None:
        return Never("the webhook was removed")
    outcome = _call(found, claimed)
    if deliveries.is_given_up(claimed, outcome):
        _switch_off(claimed)
    return outcome


def _call(found: dict, claimed: dict) -> Outcome:
    name, body = _event(claimed)
    headers = {
        "Content-Type": "application/json",
        "Ofektom-Event": name,
        "Ofektom-Signature": signature(credentials.secret_of(found["seed"]), int(time.time()), body),
    }
    try:
        address = outgoing.resolve(outgoing.check_url(found["url"]))
        reply = outgoing.post(found["url"], body, headers, address=address, seconds=CALL_SECONDS)
    except (outgoing.UrlRefused, outgoing.UnknownHost) as refused:
        return Later(f"not called: {refused}")
    except outgoing.Unreachable as error:
        return Later(f"no answer: {error}")
    if 200 <= reply.status < 300:
        return Sent()
    return Never("answered 410") if reply.status == GONE else Later(f"answered {reply.status}", reply.retry_after)


def _event(claimed: dict) -> tuple[str, bytes]:
    """An event's name and what is sent of it."""
    name = event_name(claimed["business_id"], claimed["event_id"])
    event = {"id": name, "type": claimed["topic"], "business_id": claimed["business_id"]}
    return name, orjson.dumps(event | claimed["content"])


@verb
def _switch_off(claimed: dict) -> None:
    """Stop calling an address that has failed so often, hold what waits for it, and have the admins told."""
    try:
        found = queries.locked(claimed["business_id"], claimed["target_id"])
    except NotFound:
        return
    found.is_active = False
    deliveries.hold(but=claimed["id"], **_target(found))
    facts = {"host": outgoing.check_url(found.url).hostname, "attempts": claimed["attempts"]}
    about = {"actor": None, "business_id": found.business_id, "after": facts}
    audit.record("webhooks.disabled", "webhook", found.id, **about, tell=[Tell("webhooks.disabled", None, facts)])
