"""Verbs of documents."""

from blueprints.documents.rules import Subject
from ofektom import audit
from ofektom.database import verb
from ofektom.identity import Actor


@verb
def note_export(*, actor: Actor, subject: Subject, **filters) -> None:
    """Write down that somebody is about to take rows away, and which."""
    wanted = {name: value for name, value in filters.items() if value is not None}
    audit.record("documents.exported", "export", None, actor=actor, after={"subject": subject} | wanted)
