"""The cells of one endpoint: who asks for what, and whether the answer is the one it must be."""

import io
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson
import pypdf
from flask import Flask

from ofektom.auth import OPERATOR, PUBLIC, SIGNED_IN
from ofektom.views import View
from tests.cast import as_browser
from tests.isolation.expectations import EXPECTED
from tests.isolation.expecting import NOT_FOUND, NOTHING, Asked, Expected, Reference
from tests.isolation.people import Persona
from tests.isolation.withheld import Kept
from tests.isolation.world import World

MALFORMED_IN_PATH = ["0", "-1", "1.0", "abc", str(2**63), "9" * 30, "%00", "%D9%A3"]
MALFORMED_IN_BODY = [0, -1, 1.5, "abc", "1", True, 2**63, [1], {"id": 1}]
MALFORMED_IN_QUERY = ["0", "-1", "1.0", "abc", str(2**63), "", "\u0663"]
MOST_OTHERS = 6


@dataclass(frozen=True)
class Endpoint:
    """A rule of the application with what it declares and what is expected of it."""

    name: str
    rule: str
    view: View
    expected: Expected


@dataclass
class Cell:
    """One request of one persona and the answer it must get. `same_as` groups cells that must look alike."""

    persona: Persona
    about: str
    path: str
    query: dict
    body: dict | None
    status: int
    code: str | None = None
    same_as: str | None = None
    file: bytes | None = None


@dataclass
class Findings:
    """What went wrong, how many cells were asked, and what the alike ones answered."""

    cells: int = 0
    wrong: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    answers: dict[tuple, set] = field(default_factory=lambda: defaultdict(set))


def endpoint_of(app: Flask, name: str) -> Endpoint:
    [rule] = app.url_map.iter_rules(name)
    return Endpoint(name, rule.rule, app.view_functions[name].view, EXPECTED[name])


def roles_declared(app: Flask, view: View) -> str | set[str]:
    """Who may call the view by its own declaration: a word or the set of roles."""
    if view.access in (PUBLIC, SIGNED_IN, OPERATOR):
        return view.access
    return set(app.extensions["grants"].roles_by_permission[view.access])


def cells(world: World, people: list[Persona], endpoint: Endpoint) -> Iterator[Cell]:
    """Every cell of an endpoint."""
    for persona in people:
        refusal = _refused_at_the_door(endpoint, persona)
        for about, things, status, code, same_as in _requests(endpoint, persona):
            malformed_path = about.startswith("malformed path")
            if refusal and not malformed_path:
                status, code = refusal
                same_as = None
            yield _cell(world, endpoint, persona, about, things, status, code, same_as)


def _refused_at_the_door(endpoint: Endpoint, persona: Persona) -> tuple[int, str] | None:
    roles = endpoint.expected.roles
    if roles in (PUBLIC, OPERATOR):  # an operator is who calls from an address, and here everybody does
        return None
    if persona.name == "anonymous":
        return 401, "auth.required"
    if persona.rejected:
        return 401, "auth.invalid_token"
    if roles == SIGNED_IN or persona.role in roles.split():
        return None
    return 403, "auth.forbidden" if persona.role else "auth.no_active_business"


def _requests(endpoint: Endpoint, persona: Persona) -> Iterator[tuple]:
    """(what it is about, the things it names, status, code, group of alike answers)."""
    references = endpoint.expected.references
    own = _own_things(references, persona)
    needed = [reference for reference in references if not reference.optional]
    complete = all(reference.name in own for reference in needed)
    base = {reference.name: own.get(reference.name, _any_of(reference, persona)) for reference in needed}
    success = endpoint.view.status
    if complete:
        yield "own", base, success, None, None
    for reference in references:
        if reference.optional and reference.name in own and complete:
            yield f"own {reference.name}", base | {reference.name: own[reference.name]}, success, None, None
        others_fit = all(other.name in own for other in needed if other is not reference)
        if others_fit:
            yield from _out_of_sight(reference, base, persona)
        yield from _malformed(reference, base, judged=others_fit)


def _own_things(references: tuple[Reference, ...], persona: Persona) -> dict:
    """One thing of the persona's for each reference, two different ones where the kinds are the same."""
    taken: list = []
    chosen = {}
    for reference in references:
        free = [id for id in persona.own(reference.kind) if (reference.kind, id) not in taken]
        if free:
            chosen[reference.name] = free[0]
            taken.append((reference.kind, free[0]))
    return chosen


def _any_of(reference: Reference, persona: Persona):
    return next(id for _, id in persona.others(reference.kind))


def _out_of_sight(reference: Reference, base: dict, persona: Persona) -> Iterator[tuple]:
    status, code = reference.refused(persona.role)
    sorts = defaultdict(list)
    for sort, id in persona.others(reference.kind):
        sorts[sort].append(id)
    for sort, ids in sorts.items():
        # Filtering by who stands above oneself finds one's own rows.
        same_as = None if sort == "above" and reference.refusal == NOTHING else reference.name
        for id in ids[:MOST_OTHERS]:
            yield f"{sort} {reference.name} {id}", base | {reference.name: id}, status, code, same_as


def _malformed(reference: Reference, base: dict, *, judged: bool) -> Iterator[tuple]:
    if reference.place == "path":
        for value in MALFORMED_IN_PATH:
            yield f"malformed path {reference.name} {value}", base | {reference.name: value}, *NOT_FOUND, None
    elif judged:
        values = MALFORMED_IN_BODY if reference.place == "body" else MALFORMED_IN_QUERY
        for value in values:
            about = f"malformed {reference.name} {value!r}"
            yield about, base | {reference.name: value}, 422, "request.invalid", None


def _cell(world, endpoint: Endpoint, persona: Persona, about, things, status, code, same_as) -> Cell:
    expected = endpoint.expected
    asked = Asked(world, persona, things)
    body, file = expected.make_body(asked), expected.file(asked) if expected.file else None
    path, query = endpoint.rule, dict(expected.query)
    for name, value in expected.path.items():
        path = path.replace(f"<{name}>", value)
    for reference in expected.references:
        if reference.name not in things:
            continue
        value = things[reference.name]
        if reference.place == "path":
            path = re.sub(rf"<(id:)?{reference.name}>", str(value), path)
        elif reference.place == "query":
            query[reference.name] = value
        else:
            body = body | {reference.name: value} | reference.beside
    return Cell(persona, about, path, query, body, status, code, same_as, file)


def ask(world: World, endpoint: Endpoint, cell: Cell):
    """Send the cell's request."""
    headers, token = {"Idempotency-Key": uuid.uuid4().hex} | endpoint.expected.headers(world), cell.persona.client.token
    [method] = endpoint.view.methods
    client = cell.persona.client.app.test_client(use_cookies=False)
    request = {"path": cell.path, "method": method, "query_string": cell.query}
    if endpoint.view.page:
        return client.open(**request, **as_browser(client.application, token, sent_to(endpoint, cell)))
    if token:
        headers["Authorization"] = f"Bearer {token}"
    sent = {"json": cell.body} if cell.file is None else {"data": cell.file, "content_type": endpoint.view.file}
    return client.open(**request, headers=headers, **sent)


def sent_to(endpoint: Endpoint, cell: Cell) -> dict | None:
    """The fields of the form that a cell sends to a page, if it sends one."""
    return (cell.body or {}) if "POST" in endpoint.view.methods else None


def check(world: World, endpoint: Endpoint, cell: Cell, kept: Kept, findings: Findings) -> None:
    """Ask and note what is not as it must be."""
    before = kept.commits
    with ask(world, endpoint, cell) as answer:
        text = read(answer)
    findings.cells += 1
    label = f"{cell.persona.name}, {cell.about}: {answer.status_code}"
    document = orjson.loads(text) if text and answer.mimetype.endswith("json") else {}
    code = document.get("code") if answer.status_code >= 400 else None
    if (answer.status_code, code) != (cell.status, cell.code):
        findings.wrong.append(f"{label} {code}, expected {cell.status} {cell.code}; {text[:160]}")
    if answer.status_code >= 400 and kept.commits != before:
        findings.wrong.append(f"{label} was refused and yet committed")
    if endpoint.view.methods == ("GET",) and kept.commits != before:
        findings.wrong.append(f"{label} wrote something though it only reads")
    if cell.same_as:
        document.pop("request_id", None)
        findings.answers[cell.persona.name, cell.same_as].add((answer.status_code, orjson.dumps(document)))
        if cell.status == NOTHING[0] and document.get("items"):
            findings.wrong.append(f"{label} with {len(document['items'])} items out of sight")
    note_leaks(world, cell.persona, label, text + str(answer.headers), findings)


def read(answer) -> str:
    """What a person can read of an answer."""
    if answer.mimetype != "application/pdf":
        return answer.get_data(as_text=True)
    pages = pypdf.PdfReader(io.BytesIO(answer.get_data())).pages
    # A long word may go on in the next line.
    texts = [page.extract_text() for page in pages]
    return "\n".join([*texts, *(text.replace("\n", "") for text in texts)])


def note_leaks(world: World, persona: Persona, label: str, text: str, findings: Findings) -> None:
    """Note every canary in `text` that the persona may not read."""
    for canary in world.canaries:
        if canary.text in text and not persona.may_read(canary):
            findings.leaks.append(f"{label}: {canary.text!r} of {canary.business} {canary.subject or ''}")


def note_differences(findings: Findings) -> None:
    """Note where something foreign, of another tenant and missing can be told apart."""
    for (name, reference), answers in findings.answers.items():
        if len(answers) > 1:
            findings.wrong.append(f"{name} can tell apart what {reference} is not theirs: {answers}")
