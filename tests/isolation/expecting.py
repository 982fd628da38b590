"""How to say what an endpoint expects: who may call it, what names a thing in its request, what a good request is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.isolation.people import Persona
from tests.isolation.world import World

NOT_FOUND = (404, "not_found")
NOTHING = (200, None)  # a filter by something out of sight is a page without items
PLATFORM = "super_admin"
ADMIN = "admin"
STAFF = "admin agent sub_agent"
MEMBERS = "admin agent sub_agent customer"
SIGNED_IN = "signed_in"
PUBLIC = "public"
OPERATOR = "operator"


@dataclass(frozen=True)
class Reference:
    """A place of a request that names a thing of `kind`, and the answer when that thing is out of sight.

    `refusal_by_role` says where a role is answered otherwise; `beside` are body fields that go along.
    """

    place: str
    name: str
    kind: str
    refusal: tuple[int, str | None] = NOT_FOUND
    refusal_by_role: dict[str, tuple[int, str]] = field(default_factory=dict)
    beside: dict = field(default_factory=dict)
    optional: bool = False

    def refused(self, role: str | None) -> tuple[int, str | None]:
        return self.refusal_by_role.get(role, self.refusal)


@dataclass(frozen=True)
class Asked:
    """What a body is made from: who asks, in which world, and the things the request names."""

    world: World
    persona: Persona
    things: dict


@dataclass(frozen=True)
class Expected:
    """`lists` is the kind of thing whose ids the items of the answer carry; `headers` go along with a request.

    `file` makes a body that is no JSON, of the media type that the view declares.
    """

    roles: str
    references: tuple[Reference, ...] = ()
    body: Callable[[Asked], dict] | dict | None = None
    path: dict = field(default_factory=dict)
    query: dict = field(default_factory=dict)
    lists: str | None = None
    file: Callable[[Asked], bytes] | None = None
    headers: Callable[[World], dict] = lambda world: {}

    def make_body(self, asked: Asked) -> dict | None:
        return self.body(asked) if callable(self.body) else self.body


def path(name: str, kind: str, **more) -> Reference:
    return Reference("path", name, kind, **more)


def in_body(name: str, kind: str, status: int, code: str, **more) -> Reference:
    return Reference("body", name, kind, (status, code), **more)


def filtered_by(name: str, kind: str) -> Reference:
    return Reference("query", name, kind, NOTHING, optional=True)


def day(ahead: int) -> str:
    return (date.today() + timedelta(days=ahead)).isoformat()
