"""Lists show all of one's own and nothing else, whatever is searched for, filtered by, or claimed to be a cursor."""

import base64

import pytest

from ofektom.schemas import Text
from tests.isolation.expectations import EXPECTED
from tests.isolation.matrix import Endpoint, Findings, endpoint_of, note_leaks
from tests.isolation.people import Persona
from tests.isolation.world import World

PAGED = {name for name, expected in EXPECTED.items() if expected.lists}
WILDCARDS = ["%", "_", "\\", "%%", "N%", "Name _"]
MOST_WORDS = 40


def allowed(people: list[Persona], endpoint: Endpoint) -> list[Persona]:
    """Those whose role may ask."""
    return [persona for persona in people if persona.role in endpoint.expected.roles.split()]


def walk(persona: Persona, endpoint: Endpoint, **query) -> list[dict]:
    """The items of all pages."""
    items, cursor = [], {}
    while cursor is not None:
        page = persona.client.ok("GET", endpoint.rule, query_string=query | cursor)
        items += page["items"]
        cursor = {"cursor": page["next"]} if page["next"] else None
    return items


def is_of(kind: str, listed: str) -> bool:
    return kind == listed or kind.startswith(f"{listed}_")


def check_listing(world: World, persona: Persona, endpoint: Endpoint, findings: Findings) -> None:
    """Pages of two sizes agree, hold everything of one's own and nothing that is not."""
    ids = [item["id"] for item in walk(persona, endpoint, limit=100)]
    findings.cells += 2
    if ids != [item["id"] for item in walk(persona, endpoint, limit=7)]:
        findings.wrong.append(f"{persona.name}: pages of 7 and of 100 differ")
    things = [thing for thing in world.things if is_of(thing.kind, endpoint.expected.lists)]
    mine = {thing.id for thing in things if persona.owns(thing)}
    if not mine <= set(ids):
        findings.wrong.append(f"{persona.name} misses {mine - set(ids)}")
    not_mine = {thing.id for thing in things} - mine
    if not_mine & set(ids):
        findings.leaks.append(f"{persona.name} sees {not_mine & set(ids)}")


@pytest.mark.parametrize("name", sorted(PAGED))
def test_a_list_holds_all_of_ones_own_and_nothing_else(app, world, people, findings, name):
    endpoint = endpoint_of(app, name)
    for persona in allowed(people, endpoint):
        check_listing(world, persona, endpoint, findings)
    assert not findings.wrong + findings.leaks


def text_filters(endpoint: Endpoint) -> dict[str, int]:
    """The free-text filters of a list and their greatest length."""
    declared = endpoint.view.query.fields if endpoint.view.query else {}
    return {name: text.longest for name, text in declared.items() if isinstance(text, Text) and name != "cursor"}


def search(world: World, persona: Persona, endpoint: Endpoint, query: dict, findings: Findings) -> list[dict]:
    """The items found, with what they give away noted."""
    answer = persona.client.get(endpoint.rule, query_string=query)
    findings.cells += 1
    note_leaks(world, persona, f"{persona.name} {query}", str(answer.body), findings)
    return answer["items"]


SEARCHED = ["audit.events", "audit.platform_events", "savings.accounts", "search.search", "users.members"]


@pytest.mark.parametrize("name", SEARCHED)
def test_searching_for_what_is_not_ones_own_finds_nothing(app, world, people, findings, name):
    endpoint = endpoint_of(app, name)
    for persona in allowed(people, endpoint):
        strange = [canary.text for canary in world.canaries if not persona.may_read(canary)]
        for filter_name, longest in text_filters(endpoint).items():
            words = [word for word in strange if len(word) <= longest][:MOST_WORDS]
            # The search reads the letters beside a wildcard, and by those everybody may find their own.
            for word in words if name == "search.search" else [*words, *WILDCARDS]:
                if search(world, persona, endpoint, {filter_name: word}, findings):
                    findings.wrong.append(f"{persona.name} finds something by {filter_name}={word}")
    assert not findings.wrong + findings.leaks


def test_searching_for_a_name_in_sight_finds_it(world, people):
    [agent] = [persona for persona in people if persona.name == "agent"]
    readable = [canary for canary in world.canaries if agent.may_read(canary) and canary.text.startswith("Name")]
    for canary in readable:
        found = agent.client.ok("GET", "/members", query_string={"search": canary.text[2:].upper()})["items"]
        assert [member["full_name"] for member in found] == [canary.text]
    assert len(readable) == 5


@pytest.mark.parametrize("name", sorted(PAGED))
def test_a_cursor_made_up_or_of_somebody_else_opens_no_other_page(app, world, people, findings, name):
    endpoint = endpoint_of(app, name)
    for persona in allowed(people, endpoint):
        for position in (0, 1, 10, 2**62, 2**63 - 1):
            cursor = base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")
            search(world, persona, endpoint, {"cursor": cursor, "limit": 100}, findings)
    assert not findings.leaks


def test_request_ids_of_another_business_find_no_event(world):
    theirs = world.away.ada.ok("GET", "/audit", query_string={"limit": 100})["items"]
    for request_id in {event["request_id"] for event in theirs}:
        assert world.home.ada.ok("GET", "/audit", query_string={"request_id": request_id})["items"] == []


def test_the_audit_trail_of_a_business_names_no_other_business(world):
    for furnished in (world.home, world.away):
        events, cursor = [], {}
        while cursor is not None:
            page = furnished.ada.ok("GET", "/audit", query_string={"limit": 100} | cursor)
            events += page["items"]
            cursor = {"cursor": page["next"]} if page["next"] else None
        named = [(event["action"], facts) for event in events for facts in (event["before"], event["after"])]
        strange = [
            (action, facts)
            for action, facts in named
            if facts and facts.get("business_id", furnished.cast.business_id) != furnished.cast.business_id
        ]
        assert strange == []
