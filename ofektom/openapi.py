"""OpenAPI 3.1, generated from the declarations that run: the same schemas, the same access, the same errors."""

import inspect
import re

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask

from ofektom import errors, examples, idempotency, rate_limits
from ofektom.auth import OPERATOR, PUBLIC, SIGNED_IN, Forbidden, InvalidToken, NoActiveBusiness, NotAuthenticated
from ofektom.identity import Role
from ofektom.views import View

VERSION = "1.0.0"
_VARIABLE = re.compile(r"<(?:(\w+):)?(\w+)>")
_WHO = {
    PUBLIC: "Anybody may call this.",
    SIGNED_IN: "Whoever is signed in may call this.",
    OPERATOR: "Only for those who run the service, by their address (`OPS_NETWORKS`); to others it does not exist.",
}
_ASKING = (Role.ADMIN, Role.AGENT, Role.SUB_AGENT, Role.CUSTOMER, Role.SUPER_ADMIN)
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; see docs/errors.md"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "description": "messages by field"},
        "request_id": {"type": "string"},
    },
}


def describe(app: Flask) -> dict:
    """The OpenAPI document of every view of `app` but its pages, which are for people."""
    spec = APISpec("Ofektom", VERSION, "3.1.0", plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)])
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    spec.components.schema("Problem", _PROBLEM)
    for code, problem in errors.Problem.by_code.items():
        spec.components.example(code, {"value": examples.of_problem(problem)})
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = getattr(app.view_functions[rule.endpoint], "view", None)
        if view is not None and not view.page:
            operations = {method.lower(): _operation(app, rule, view) for method in view.methods}
            spec.path(path=_VARIABLE.sub(r"{\2}", rule.rule), operations=operations)
    document = spec.to_dict()
    for name, schema in document["components"]["schemas"].items():
        _for_generators(schema)
        if name.endswith("Out"):  # every field of an answer is always there, if only as null
            schema["required"] = sorted(schema["properties"])
    for operations in document["paths"].values():
        for operation in operations.values():
            query = operation["x-example"].pop("query")
            for parameter in operation["parameters"]:
                if parameter["in"] == "query" and parameter["name"] in query:
                    parameter["example"] = query[parameter["name"]]
                _without_null(parameter["schema"])
                _for_generators(parameter["schema"])
    return document


def _for_generators(schema: dict) -> None:
    """What makers of clients need: patterns in ECMA's spelling, and integers wide enough for money and ids."""
    types = schema.get("type", [])
    if "integer" in ([types] if isinstance(types, str) else types):
        schema.setdefault("format", "int64")
    if "pattern" in schema:
        schema["pattern"] = schema["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    for inner in schema.get("properties", {}).values():
        _for_generators(inner)
    if "items" in schema:
        _for_generators(schema["items"])


def _without_null(schema: dict) -> None:
    """A query parameter is left out, never null."""
    if isinstance(schema.get("type"), list):
        [schema["type"]] = [name for name in schema["type"] if name != "null"]
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if "default" in schema and schema["default"] is None:
        del schema["default"]


def encoded(app: Flask) -> bytes:
    """The document as JSON, made once for each application."""
    if "openapi" not in app.extensions:
        app.extensions["openapi"] = orjson.dumps(describe(app))
    return app.extensions["openapi"]


def _schema_name(schema) -> str:
    return schema.__name__ if inspect.isclass(schema) else type(schema).__name__


def _operation(app: Flask, rule, view: View) -> dict:
    doc = inspect.getdoc(view.function) or ""
    summary, _, description = doc.partition("\n")
    operation = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary,
        "description": f"{description.strip()}\n\n{_who(app, view)}".strip(),
        "parameters": _parameters(rule, view),
        "responses": _responses(rule, view),
        "security": [] if view.access in (PUBLIC, OPERATOR) else [{"bearer": []}],
        "x-access": view.access,
        "x-example": _example(app, view),
    }
    if view.public_for:
        operation["x-public-for"] = view.public_for
    if view.body:
        # An absent body is an empty one, which is refused only where a field must be given.
        needed = any(field.required for field in view.body.fields.values())
        content = {"schema": view.body, "example": examples.of_input(view.body, view.example.body)}
        operation["requestBody"] = {"required": needed, "content": {"application/json": content}}
    if view.file:
        content = {"schema": {"type": "string"}, "example": view.example.file}
        operation["requestBody"] = {"required": True, "content": {view.file: content}}
    return operation


def _example(app: Flask, view: View) -> dict:
    """Who sends the example to the sample, by their role, and the status and code it is answered with."""
    roles = app.extensions["grants"].roles_by_permission.get(view.access, frozenset(Role))
    asking = view.example.by or next(role for role in _ASKING if role in roles)
    by = None if view.access in (PUBLIC, OPERATOR) else str(asking)
    refused, query = view.example.refused, examples.of_input(view.query, view.example.query)
    status, code = (refused.status, refused.code) if refused else (view.status, None)
    return {"by": by, "status": status, "code": code, "why": view.example.why, "query": query}


def _who(app: Flask, view: View) -> str:
    if view.access in _WHO:
        kept = f" Caches may keep the answer for {view.public_for} seconds." if view.public_for else ""
        return _WHO[view.access] + kept
    roles = app.extensions["grants"].roles_by_permission[view.access]
    return f"Needs the permission `{view.access}`, which these roles hold: {', '.join(sorted(roles))}."


def _parameters(rule, view: View) -> list:
    parameters: list = [
        {"in": "path", "name": name, "required": True, "schema": _path_schema(converter)}
        | {"example": view.example.path.get(name, 1)}
        for converter, name in _VARIABLE.findall(rule.rule)
    ]
    if view.query:
        parameters.append({"in": "query", "schema": view.query})
    if view.idempotent:
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"}
        text = (
            "required unless dry_run=true" if view.dry_run else "a new one for every act, the same for its repetition"
        )
        parameters.append(
            {
                "in": "header",
                "name": idempotency.HEADER,
                "required": not view.dry_run,
                "schema": schema,
                "description": text,
            }
        )
    if view.dry_run:
        schema = {"type": "boolean", "default": False}
        text = "answer with what would happen and keep nothing; ids in the answer are not kept either"
        parameters.append({"in": "query", "name": "dry_run", "schema": schema, "description": text})
    return parameters


def _path_schema(converter: str) -> dict:
    if converter == "id":
        return {"type": "integer", "format": "int64", "minimum": 1}
    return {"type": "string"}


def _responses(rule, view: View) -> dict:
    success = {"description": "Done" if view.answer is None else "OK"}
    if view.answer is not None:
        success["content"] = {"application/json": {"schema": view.answer, "example": examples.of_answer(view.answer)}}
    responses = {str(view.status): success}
    if view.dry_run:
        responses["200"] = success | {
            "description": "What would happen" if view.status != 200 else success["description"]
        }
    if "GET" in view.methods and view.status == 200:
        responses["304"] = {"description": "What `If-None-Match` names is what there is"}
    for problem in _problems(rule, view):
        known = responses.setdefault(str(problem.status), {"description": "", "x-codes": []})
        known["description"] = "; ".join(filter(None, [known["description"], f"`{problem.code}` {problem.title}"]))
        known["x-codes"].append(problem.code)
        shape = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        content = known.setdefault("content", {}).setdefault("application/problem+json", shape)
        content["examples"][problem.code] = {"$ref": f"#/components/examples/{problem.code}"}
    for other in view.other_answers:
        described = responses.setdefault(str(other.status), {"description": ""})
        shape = {"schema": other.schema or {"type": "string"}}
        shape |= {"example": examples.of_answer(other.schema)} if other.schema else {}
        described.setdefault("content", {})[other.media_type] = shape
    return responses


def _problems(rule, view: View) -> list[type[errors.Problem]]:
    """Every problem a view may answer with, its own first."""
    problems = list(view.errors)
    if view.rate:
        problems.append(rate_limits.RateExceeded)
    if view.access == OPERATOR:
        problems.append(errors.NotFound)
    elif view.access != PUBLIC:
        problems += [NotAuthenticated, InvalidToken]
    if view.access not in _WHO:
        problems += [Forbidden, NoActiveBusiness]
    problems += [errors.MalformedRequest, errors.InvalidRequest]
    if view.body or view.file:
        problems += [errors.BodyTooLarge, errors.UnsupportedMediaType]
    if rule.arguments:
        problems.append(errors.NotFound)
    if view.idempotent:
        problems += [idempotency.KeyRequired, idempotency.KeyReused, idempotency.StillRunning, errors.OutcomeUnknown]
    problems += [errors.DatabaseBusy, errors.DatabaseUnavailable, errors.DeadlineExceeded]
    return list(dict.fromkeys(problems))
