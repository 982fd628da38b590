"""What everybody must get of imports in the matrix of `tests/isolation/`."""

from tests.cast import new_phone
from tests.isolation.expecting import ADMIN, Asked, Expected
from tests.isolation.world import LINE
from tests.sheets import account_of, bring, row, sheet


def _cards(asked: Asked) -> bytes:
    """A card for two agents of whose business asks: a file that names another's is refused."""
    house = asked.world.away if asked.persona.business == "away" else asked.world.home
    return sheet(row(house.cast.chidi), row(house.cast.dupe))


EXPECTED = {
    "imports.add": Expected(ADMIN, file=_cards),
    "imports.faults": Expected(ADMIN, file=_cards),
    "imports.imports": Expected(ADMIN, lists="import"),
    "imports.template": Expected(ADMIN),
}


def furnish(home) -> None:
    """A customer who came with their card."""
    one = row(home.cast.emeka, reference=home.word("Card", LINE, "brought"))
    home.thing("import", None, bring(home.cast, one)["import_id"])
    facts = {"full_name": home.word("Name", LINE, "brought"), "phone": home.note(new_phone(), LINE, "brought")}
    home.ada.ok("PATCH", f"/members/{account_of(home.cast, one)['customer_id']}", facts)
