"""Who asks: the personas of the matrix, what each owns, and what each may read."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.cast import PASSWORD, Client
from tests.isolation.world import ADMIN, ANYBODY, LINE, MEMBERS, NOBODY, OWN, STAFF, Canary, Thing, World

EVERYBODY = frozenset({"*"})
STAFF_ROLES = {"admin", "agent", "sub_agent"}
PERSONAL = {"session", "message"}
OF_THE_BUSINESS = {"unit", "holiday"}
OF_THE_PLATFORM = {"business", "user"}
OF_WHOEVER_ASKS = {"public_page", "receipt"}
MISSING = {"holiday": ["2099-12-31", "2033-03-03"], "receipt": ["3233-2222-2222-2222", "4332-4ABC-DEFG-HJKL-MNP"]}
MISSING_IDS = [10**18 - 1, 987_654_321]


@dataclass(frozen=True)
class Persona:
    """Somebody who calls: their role in the business they work in, whom of it they may see, who stands above them."""

    name: str
    client: Client
    business: str | None = None
    role: str | None = None
    key: str | None = None
    sight: frozenset[str] = frozenset()
    above: frozenset[str] = frozenset()
    member_of: frozenset[str] = frozenset()
    secret: str = PASSWORD
    rejected: bool = False
    things: tuple[Thing, ...] = field(default=(), repr=False)

    def sees(self, subject: str | None) -> bool:
        return self.sight == EVERYBODY or subject in self.sight

    def owns(self, thing: Thing) -> bool:
        """Whether the thing is theirs or in their sight."""
        if thing.kind in PERSONAL:
            return (thing.business, thing.subject) == (self.business or "home", self.key)
        if thing.kind in OF_WHOEVER_ASKS:
            return thing.business == "home"
        if thing.kind in OF_THE_PLATFORM:
            return self.role == "super_admin"
        if thing.kind == "workplace":
            return thing.business in self.member_of
        if thing.business != self.business:
            return False
        return self.role in STAFF_ROLES if thing.kind in OF_THE_BUSINESS else self.sees(thing.subject)

    def own(self, kind: str) -> list:
        return [thing.id for thing in self.things if thing.kind == kind and self.owns(thing)]

    def others(self, kind: str) -> Iterator[tuple[str, object]]:
        """(sort, id) of the things of a kind out of sight: "foreign", "above", "other tenant" or "missing"."""
        for thing in self.things:
            if thing.kind == kind and not self.owns(thing):
                near = "above" if thing.subject in self.above else "foreign"
                yield (near if thing.business == self.business else "other tenant"), thing.id
        for id in MISSING.get(kind, MISSING_IDS):
            yield "missing", id

    def may_read(self, canary: Canary) -> bool:
        if canary.readers == ANYBODY:
            return True
        here = canary.business == self.business
        if canary.readers == LINE:
            return here and self.sees(canary.subject)
        if canary.readers == STAFF:
            return here and self.role in STAFF_ROLES
        if canary.readers == MEMBERS:
            return canary.business in self.member_of or self.role == "super_admin"
        if canary.readers == ADMIN:
            return here and self.role == "admin"
        if self.role == "super_admin":
            return canary.readers != NOBODY
        mine = (canary.business, canary.subject) == (self.business or "home", self.key)
        return canary.readers == OWN and (mine or (here and self.role == "admin"))


def personas(world: World) -> list[Persona]:
    """Everybody of the matrix."""
    home, away, everything = world.home.cast, world.away.cast, tuple(world.things)
    chidi_sees = frozenset(["chidi", "dupe", "funke", "gbenga", "hauwa", "kemi", "walk_in_chidi", "walk_in_dupe"])

    def member(name: str, key: str, role: str, sight: set | frozenset, above: str = "", cast=home) -> Persona:
        person, business = getattr(cast, key), "home" if cast is home else "away"
        return Persona(
            name,
            person,
            business,
            role,
            key,
            sight=frozenset(sight),
            above=frozenset(above.split()),
            member_of=frozenset({business}),
            secret=person.secret,
            things=everything,
        )

    staff = world.staff
    return [
        Persona("anonymous", Client(world.app), things=everything),
        Persona("disabled", home.disabled, key="disabled", rejected=True, things=everything),
        Persona("deactivated member", home.former, key="former", things=everything),
        member("customer", "funke", "customer", {"funke"}, above="chidi"),
        member("sub_agent", "dupe", "sub_agent", {"dupe", "hauwa", "walk_in_dupe"}, above="chidi"),
        member("agent", "chidi", "agent", chidi_sees),
        member("other agent", "emeka", "agent", {"emeka", "ike", "passerby", "invited", "brought", "walk_in_emeka"}),
        member("admin", "ada", "admin", EVERYBODY),
        Persona("super_admin", staff, role="super_admin", key="staff", things=everything),
        member("admin of another business", "ada", "admin", EVERYBODY, cast=away),
        Persona(
            "customer who is an admin elsewhere",
            world.moonlighter,
            "home",
            "customer",
            "kemi",
            sight=frozenset({"kemi"}),
            above=frozenset({"chidi"}),
            member_of=frozenset({"home", "away"}),
            things=everything,
        ),
    ]
