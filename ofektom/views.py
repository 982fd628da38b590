"""Views: one declaration says who may call, what comes in and what goes out, and is the documentation too.

    bp = Slice("members", __name__, url_prefix="/members")

    @bp.post("/<id:member_id>/role", access="members.manage", body=RoleIn(), answer=MemberOut(), idempotent=True)
    def change_role(actor, member_id, body): ...

A view receives what it declares by name: `actor` unless it is public, `body`, `file`, `query`, and the variables of its
path.
"""

import functools
import hashlib
import inspect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, g, request
from marshmallow import Schema, ValidationError, fields

from ofektom import auth, browsers, database, http, idempotency, rate_limits
from ofektom.dumping import compiled
from ofektom.errors import InvalidRequest, Problem, to_response
from ofektom.examples import NOTHING_MORE, Example
from ofektom.green import deadline

DRY_RUN_HEADER = "Dry-Run"
MOST_ERRORS = 20


@dataclass(frozen=True)
class OtherAnswer:
    """An answer of a view besides its `answer`: another status, or another media type of the same one."""

    status: int
    media_type: str
    schema: Schema | None = None


@dataclass(frozen=True, eq=False)
class View:
    """What a view declares. `errors` are the problems of its own, beyond those of any view with its access.

    `public_for` is for how many seconds any cache may keep what it answers to somebody who shows no credentials.
    `file` is the media type of a body that is no JSON; the view receives its bytes.
    `rate` names the setting that says how often one address may call it.
    `of_caller` is for a GET whose answer depends on nothing but the caller: it is made once for as long as the worker
    remembers them.
    `page` is for a browser (pages.py): its caller is in a cookie, its body a form of ours.
    `example` is what the documentation's example needs beside what the schemas say.
    """

    function: Callable
    methods: tuple[str, ...]
    access: str
    body: Schema | None = None
    file: str | None = None
    query: Schema | None = None
    answer: Schema | None = None
    status: int = 200
    idempotent: bool = False
    dry_run: bool = False
    errors: Sequence[type[Problem]] = ()
    other_answers: Sequence[OtherAnswer] = ()
    public_for: int | None = None
    of_caller: bool = False
    rate: str | None = None
    page: bool = False
    example: Example = NOTHING_MORE

    def __post_init__(self):
        if self.public_for is None:
            return
        if self.access != auth.PUBLIC or self.methods != ("GET",) or self.public_for < 1:
            raise TypeError(f"{self.function.__name__}: public_for=SECONDS is for GETs that anybody may call")

    @functools.cached_property
    def dump(self) -> Callable:
        """What makes the answer's dictionaries of what the function returns."""
        return compiled(self.answer) if self.answer else lambda result: None


class Slice(Blueprint):
    """The blueprint of one domain. Its routes cannot be written without saying who may call them."""

    def __init__(self, name: str, import_name: str, url_prefix: str = "", root: str = "/api/v1", **options):
        super().__init__(name, import_name, url_prefix=f"{root}{url_prefix}" or None, **options)

    def get(self, rule: str, **declared):
        return self._route("GET", rule, **declared)

    def post(self, rule: str, *, status: int = 201, **declared):
        return self._route("POST", rule, status=status, **declared)

    def patch(self, rule: str, **declared):
        return self._route("PATCH", rule, **declared)

    def delete(self, rule: str, **declared):
        return self._route("DELETE", rule, status=204, **declared)

    def _route(self, method: str, rule: str, *, access: str, **declared):
        def declare(function: Callable) -> Callable:
            view = View(function, (method,), access, **declared)
            self.add_url_rule(rule, function.__name__, _serve(view), methods=[method])
            return function

        return declare


def _serve(view: View) -> Callable:
    wanted = set(inspect.signature(view.function).parameters)

    @functools.wraps(view.function)
    def serve(**path):
        with deadline(current_app.config["REQUEST_DEADLINE_SECONDS"]):
            if view.rate:
                rate_limits.spend(view.rate)
            if view.page:
                browsers.begin()
            auth.require(view.access)
            if view.of_caller and not request.query_string:
                return http.raw_answer(view.status, _answer_of_caller(view, wanted))
            arguments = path | _read_arguments(view, wanted)
            rehearsing = view.dry_run and request.args.get("dry_run") == "true"
            if rehearsing:
                return _rehearse(view, arguments)
            if view.idempotent:
                return _only_once(view, arguments)
            return _call(view, arguments)

    serve.view = view
    return serve


def _read_arguments(view: View, wanted: set[str]) -> dict:
    arguments = {}
    if "actor" in wanted:
        arguments["actor"] = auth.current_actor()
    if view.page and request.method == "POST":
        g.body = _read_form(view)
    elif view.body:
        g.body = http.read_json()
    if view.body:
        arguments["body"] = load(view.body, g.body)
    if view.file:
        arguments["file"] = http.read_file(view.file)
        g.body = {"sha256": hashlib.sha256(arguments["file"]).hexdigest()}
    values = http.read_query()
    if view.dry_run and values.pop("dry_run", "false") not in ("true", "false"):
        raise InvalidRequest(fields={"dry_run": ["Say true or false."]})
    if view.query:
        arguments["query"] = load(view.query, values)
    elif values:
        raise InvalidRequest(fields={name[:40]: ["Unknown parameter."] for name in values})
    return arguments


def _read_form(view: View) -> dict:
    """The fields of a form. Of somebody signed in it must be one that their session was given."""
    fields = http.read_form()
    value = fields.pop(browsers.FIELD, "")
    if view.access != auth.PUBLIC:
        browsers.take_form(value, auth.current_actor().session_id)
    if fields and not view.body:
        raise InvalidRequest(fields=_printable({name: ["Unknown field."] for name in fields}))
    return fields


def load(schema: Schema, data: dict) -> dict:
    """`data` checked by `schema`; raises InvalidRequest with the errors of each field."""
    try:
        return schema.load(data)
    except ValidationError as error:
        raise InvalidRequest(fields=_printable(error.messages)) from None


def _printable(messages):
    """The first error messages, with keys that may be echoed: unknown field names are the client's own text."""
    if not isinstance(messages, dict):
        return messages
    first = itertools.islice(messages.items(), MOST_ERRORS)
    return {str(key).encode("ascii", "replace").decode()[:60]: _printable(value) for key, value in first}


def _call(view: View, arguments: dict) -> Response:
    result = view.function(**arguments)
    if not isinstance(result, Response):
        result = http.answer(view.status, view.dump(result))
    if view.public_for:
        http.let_caches_keep(result, view.public_for)
    return result


def _answer_of_caller(view: View, wanted: set[str]) -> bytes:
    answers = auth.current_caller().answers
    if view not in answers:
        answers[view] = http.encode(view.dump(view.function(**_read_arguments(view, wanted))))
    return answers[view]


@database.verb
def _only_once(view: View, arguments: dict) -> Response:
    key = browsers.act_key() if view.page else idempotency.read_key()
    actor = auth.current_actor()
    replay = idempotency.begin(actor, key, g.get("body", {}))
    if replay is not None:
        return replay
    try:
        response = _call(view, arguments)
    except Problem as refusal:
        if not refusal.keeps:
            raise
        response = to_response(refusal)
    idempotency.finish(actor, key, response)
    return response


def _rehearse(view: View, arguments: dict) -> Response:
    """Do everything, answer with what it came to, and keep nothing."""
    g.rehearsing = True
    if view.idempotent and idempotency.HEADER in request.headers:
        idempotency.read_key()  # one that the act itself would be refused for

    @database.verb
    def act():
        raise database.Rehearsal(_call(view, arguments))

    try:
        act()
    except database.Rehearsal as rehearsal:
        response = rehearsal.result
    response.status_code = 200
    response.headers[DRY_RUN_HEADER] = "true"
    return response


class PageOut(Schema):
    """A page of a list: its items and the cursor of the next page, null on the last."""

    next = fields.String(allow_none=True, required=True)


def page_of(item: Schema) -> Schema:
    """The schema of a page of `item`s."""
    name = type(item).__name__.removesuffix("Out") + "Page"
    return type(name, (PageOut,), {"items": fields.List(fields.Nested(item), required=True)})()
