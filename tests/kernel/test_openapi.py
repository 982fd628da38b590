"""The document is valid, complete, and says the same as the code that runs."""

import base64
import hashlib
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from blueprints.ops.routes import ASSETS
from ofektom.auth import OPERATOR, PUBLIC
from ofektom.errors import Problem
from tests.cast import Client


@pytest.fixture(scope="module")
def document(app) -> dict:
    return Client(app).ok("GET", "/openapi.json")


@pytest.fixture(scope="module")
def operations(app, document) -> list:
    """(view, rule, operation) of every view that is no page."""
    return [
        (view, rule, document["paths"][re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)][view.methods[0].lower()])
        for rule in app.url_map.iter_rules()
        if (view := getattr(app.view_functions[rule.endpoint], "view", None)) and not view.page
    ]


def test_the_document_is_valid_openapi(document):
    assert document["openapi"] == "3.1.0"
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_route_is_in_it_and_nothing_else(app, document):
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not app.view_functions[rule.endpoint].view.page
    }
    assert served == {(path, method) for path, item in document["paths"].items() for method in item}
    assert len(served) > 50


def test_every_operation_has_a_name_and_says_what_it_does(operations):
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names))
    for _, rule, operation in operations:
        assert operation["summary"].endswith("."), rule
        assert operation["description"], rule
        assert len(operation["tags"]) == 1


def test_security_and_access_are_the_declared_ones(app, operations):
    for view, rule, operation in operations:
        assert operation["x-access"] == view.access
        assert operation["security"] == ([] if view.access in (PUBLIC, OPERATOR) else [{"bearer": []}]), rule
        for role in app.extensions["grants"].roles_by_permission.get(view.access, ()):
            assert role in operation["description"], rule


def test_success_and_every_declared_error_are_described(operations):
    for view, rule, operation in operations:
        success = operation["responses"][str(view.status)]
        of_success = [other for other in view.other_answers if other.status == view.status]
        assert ("content" in success) == (view.answer is not None or bool(of_success)), rule
        for other in view.other_answers:
            assert other.media_type in operation["responses"][str(other.status)]["content"], rule
        if view.access == OPERATOR:
            assert "not_found" in operation["responses"]["404"]["x-codes"]
        elif view.access != PUBLIC:
            assert {"auth.required", "auth.invalid_token"} <= set(operation["responses"]["401"]["x-codes"])
        for problem in view.errors:
            described = operation["responses"][str(problem.status)]
            assert problem.code in described["x-codes"], (rule, problem)
            assert problem.title in described["description"]
            assert "application/problem+json" in described["content"]


def test_every_code_it_names_exists(operations):
    for _, rule, operation in operations:
        for status, response in operation["responses"].items():
            for code in response.get("x-codes", ()):
                assert Problem.by_code[code].status == int(status), (rule, code)


def test_bodies_and_parameters_are_described(operations):
    for view, rule, operation in operations:
        assert ("requestBody" in operation) == bool(view.body or view.file), rule
        given = {(parameter["in"], parameter["name"]): parameter for parameter in operation["parameters"]}
        assert {name for place, name in given if place == "path"} == rule.arguments, rule
        assert (("header", "Idempotency-Key") in given) == view.idempotent, rule
        assert (("query", "dry_run") in given) == view.dry_run, rule
        wanted = {field.data_key or name for name, field in view.query.fields.items()} if view.query else set()
        assert {name for place, name in given if place == "query"} - {"dry_run"} == wanted, rule


def test_an_id_in_a_path_is_a_whole_number(operations):
    for _, rule, operation in operations:
        for parameter in operation["parameters"]:
            if parameter["in"] == "path" and parameter["name"].endswith("_id"):
                assert parameter["schema"] == {"type": "integer", "format": "int64", "minimum": 1}, rule


def test_no_schema_takes_fields_it_does_not_know_or_shows_a_secret(document):
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("In"):
            assert schema["additionalProperties"] is False, name
        shown = {field for field, kind in schema.get("properties", {}).items() if not kind.get("writeOnly")}
        if name.endswith("Out"):
            assert not shown & {"secret", "secret_hash", "code_hash", "password", "pin"}, name


def test_it_is_served_to_anybody_and_cached_by_its_tag(anonymous):
    first = anonymous.get("/openapi.json")
    again = anonymous.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status, again.body) == (200, 304, None)
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "public, max-age=300"


def test_what_caches_may_keep_is_the_declared(operations):
    for view, rule, operation in operations:
        assert operation.get("x-public-for") == view.public_for, rule
        assert (f"for {view.public_for} seconds" in operation["description"]) == bool(view.public_for), rule


def test_the_page_and_all_it_loads_come_from_us(app):
    client = app.test_client()
    page = client.get("/docs")
    text = page.get_data(as_text=True)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "//" not in re.sub(r"<!--.*?-->", "", text), "no address of anybody else"
    loaded = re.findall(r'(?:src|href|url)(?:=|: )"([^"]+)"', text)
    assert len(loaded) == 3
    for path in loaded:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        answer.close()


def test_the_page_runs_no_other_script_than_its_own(app):
    page = app.test_client().get("/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    [inline] = re.findall(r"<script>(.+?)</script>", page.text)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3


@pytest.mark.parametrize("name", ["nothing.js", "../__init__.py", "..%2f__init__.py", "%2e%2e/__init__.py", "%00"])
def test_only_the_pages_assets_are_served(app, name):
    answer = app.test_client().get(f"/docs/assets/{ASSETS.version}/{name}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_asset_is_kept_for_a_year_under_its_version_and_no_other(app):
    client = app.test_client(use_cookies=False)
    asset = client.get(f"/docs/assets/{ASSETS.version}/swagger-ui.css")
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert asset.headers["X-Accel-Expires"] == "31536000"
    for version in ("5.33.9", "..", f"{ASSETS.version}.1"):
        other = client.get(f"/docs/assets/{version}/swagger-ui.css")
        assert (other.status_code, other.headers["Cache-Control"]) == (404, "no-store"), version
    own = client.get(f"/docs/assets/{ASSETS.version}/swagger-ui.css", headers={"Cookie": "theme=dark"})
    assert (own.status_code, "X-Accel-Expires" in own.headers) == (200, False)
    for answer in (asset, own):
        answer.close()


def test_makers_of_clients_find_what_they_need(document):
    """Patterns that JavaScript reads, integers wide enough for money, fields of answers that are always there."""
    for name, schema in document["components"]["schemas"].items():
        for field, shape in schema["properties"].items():
            assert r"\A" not in shape.get("pattern", ""), (name, field)
            if "integer" in shape.get("type", "") and name != "Problem":
                assert shape["format"] == "int64", (name, field)
        if name.endswith("Out"):
            assert set(schema["required"]) == set(schema["properties"]), name


def test_a_body_is_needed_where_a_field_is(document):
    needed = {
        f"{method} {path}": operation["requestBody"]["required"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }
    assert needed["post /api/v1/members"]
    assert not needed["patch /api/v1/settings"]
    assert not needed["post /api/v1/savings/{account_id}/markings"]


def test_the_document_says_what_text_and_days_and_weekdays_may_be(document):
    schemas = document["components"]["schemas"]
    assert re.search(schemas["UnitIn"]["properties"]["name"]["pattern"], " Balogun Market ")
    assert not re.search(schemas["UnitIn"]["properties"]["name"]["pattern"], "Balogun\u202eMarket")
    assert not re.search(schemas["HolidayIn"]["properties"]["day"]["pattern"], "1999-12-31")
    weekdays = schemas["SettingsIn"]["properties"]["weekdays"]
    assert (weekdays["minItems"], weekdays["maxItems"]) == (1, 7)


def test_a_read_may_say_that_nothing_has_changed(document):
    paths = document["paths"]
    assert "304" in paths["/api/v1/savings/{account_id}"]["get"]["responses"]
    assert "304" not in paths["/api/v1/savings"]["post"]["responses"]


def test_an_asset_is_sent_whole_whatever_part_is_asked_for(app):
    path = f"/docs/assets/{ASSETS.version}/swagger-ui.css"
    with app.test_client().get(path) as whole, app.test_client().get(path, headers={"Range": "bytes=9-"}) as part:
        assert (part.status_code, part.data) == (200, whole.data)
        headers = {"If-None-Match": whole.headers["ETag"], "Range": "bytes=9999999-"}
    with app.test_client().get(path, headers=headers) as same:
        assert same.status_code == 304
