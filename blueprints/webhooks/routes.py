"""/webhooks: where the business has events sent, and what became of each call."""

from blueprints.webhooks import queries, schemas, services
from blueprints.webhooks.rules import SwitchedOff, TooManyWebhooks
from ofektom.errors import NotFound
from ofektom.examples import Example
from ofektom.outgoing import UrlRefused
from ofektom.schemas import PageIn
from ofektom.views import Slice

bp = Slice("webhooks", __name__, url_prefix="/webhooks")

WEBHOOK, WITH_SECRET, CALL = schemas.WebhookOut(), schemas.WebhookWithSecretOut(), schemas.CallOut()


@bp.get("", access="webhooks.manage", query=PageIn(), answer=schemas.WebhookPage)
def webhooks(actor, query):
    """The webhooks of the business."""
    return queries.webhooks(actor, **query)


@bp.post(
    "",
    access="webhooks.manage",
    body=schemas.WebhookIn(),
    answer=WITH_SECRET,
    errors=[UrlRefused, TooManyWebhooks],
)
def add(actor, body):
    """Have events sent to an address, signed with the secret that is shown now."""
    return services.add(actor=actor, **body)


@bp.get("/<id:webhook_id>", access="webhooks.manage", answer=WEBHOOK)
def webhook(actor, webhook_id):
    """One webhook."""
    return queries.webhook(actor, webhook_id)


@bp.patch(
    "/<id:webhook_id>",
    access="webhooks.manage",
    body=schemas.WebhookChangesIn(),
    answer=WEBHOOK,
    errors=[UrlRefused],
)
def change(actor, webhook_id, body):
    """Change the address or the events of a webhook, or switch it off or on."""
    return services.change(actor=actor, webhook_id=webhook_id, changes=body)


@bp.delete("/<id:webhook_id>", access="webhooks.manage")
def remove(actor, webhook_id):
    """Send nothing there any more."""
    services.remove(actor=actor, webhook_id=webhook_id)


@bp.post("/<id:webhook_id>/secret", access="webhooks.manage", status=200, answer=WITH_SECRET)
def rotate_secret(actor, webhook_id):
    """A new secret; the old one signs nothing any more."""
    return services.rotate_secret(actor=actor, webhook_id=webhook_id)


@bp.post("/<id:webhook_id>/test", access="webhooks.manage", answer=CALL, errors=[SwitchedOff])
def send_test(actor, webhook_id):
    """Send an event of type webhooks.test there."""
    return services.send_test(actor=actor, webhook_id=webhook_id)


@bp.get("/<id:webhook_id>/deliveries", access="webhooks.manage", query=schemas.CallsQuery(), answer=schemas.CallPage)
def calls(actor, webhook_id, query):
    """What was sent there, newest first, and what became of it."""
    return queries.calls(actor, webhook_id, **query)


@bp.post(
    "/<id:webhook_id>/deliveries/<id:delivery_id>/replay",
    access="webhooks.manage",
    answer=CALL,
    errors=[SwitchedOff],
    example=Example(refused=NotFound, why="the sample has called nobody"),
)
def replay(actor, webhook_id, delivery_id):
    """Send an event once more."""
    return services.replay(actor=actor, webhook_id=webhook_id, delivery_id=delivery_id)
