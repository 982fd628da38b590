"""Having people told by the suite's own application, which sends nothing and has no worker."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from ofektom import delivering
from ofektom.database import verb
from ofektom.extensions import db
from ofektom.outbox import OutboxRow


def tell_everybody(app: Flask, business_id: int) -> None:
    """Pass on what happened in one business, as the worker does, and nothing of what other tests have left."""
    mine = OutboxRow.business_id == business_id

    @verb
    def pass_on() -> None:
        for row in db.session.execute(db.select(OutboxRow.__table__).where(mine).order_by("id")).mappings().all():
            for listen in delivering.listeners():
                listen(dict(row))
        db.session.execute(db.delete(OutboxRow).where(mine))

    with app.app_context():
        pass_on()


@contextmanager
def sms_on(app: Flask) -> Iterator[None]:
    """As if a carrier of SMS were configured: what is to be sent is queued."""
    before = app.config["TERMII_API_KEY"]
    app.config["TERMII_API_KEY"] = "of no carrier"
    try:
        yield
    finally:
        app.config["TERMII_API_KEY"] = before
