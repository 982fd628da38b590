"""Every example of the document, sent to the sample as the document says, is answered as the document says."""

import json
import uuid
from dataclasses import replace

import flask_migrate
import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from ofektom import delivering
from ofektom.app import create_app
from ofektom.extensions import db
from tests.cast import Client
from tests.concurrency.race import separate_database
from tests.conftest import MIGRATIONS
from tests.isolation.withheld import commits_withheld


class Sample:
    """The sample, its document, and its people by their roles."""

    def __init__(self, app: Flask):
        self.app, self.people = app, {}
        made = app.test_cli_runner().invoke(args=["sample-data", "--json"]).output
        for person in json.loads(made.splitlines()[-1])["people"]:
            client = self.people[person["role"]] = Client(app)
            client.sign_in(person["login"], person["secret"])
        with app.app_context():
            delivering.deliver_all()
        self.document = Client(app).ok("GET", "/openapi.json")

    def send(self, method: str, path: str, operation: dict):
        """The answer to an operation's example, which nothing is kept of."""
        query = {}
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
            elif parameter["in"] == "query" and "example" in parameter:
                query[parameter["name"]] = parameter["example"]
        [(kind, media)] = operation.get("requestBody", {}).get("content", {None: {}}).items()
        sent = {"json": media["example"]} if kind == "application/json" else {"data": media.get("example")}
        headers, by = {"Idempotency-Key": uuid.uuid4().hex}, operation["x-example"]["by"]
        if by:
            headers["Authorization"] = f"Bearer {self.people[by].token}"
        client = self.app.test_client(use_cookies=False)
        with commits_withheld():
            return client.open(
                path, method=method, headers=headers, query_string=query, content_type=kind, **sent, buffered=True
            )

    def faults(self, schema: dict, document) -> list[str]:
        """What a document has that its schema does not allow, and the other way round."""
        judge = Draft202012Validator(schema | {"components": self.document["components"]})
        return [f"{error.json_path} {error.message[:200]}" for error in judge.iter_errors(document)]


@pytest.fixture(scope="module")
def sample(database_url, settings):
    with separate_database(database_url, "examples") as url:
        app = create_app(replace(settings, database_url=url, login_rate=""), testing=True)
        with app.app_context():
            flask_migrate.upgrade(str(MIGRATIONS))
        yield Sample(app)
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def operations(sample: Sample):
    for path, item in sample.document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_every_example_is_answered_as_the_document_says(sample):
    wrong = []
    for method, path, operation in operations(sample):
        expected = operation["x-example"]
        answer = sample.send(method, path, operation)
        found = answer.json if answer.is_json and answer.data else {}
        code = found.get("code") if answer.status_code >= 400 else None
        if (answer.status_code, code) != (expected["status"], expected["code"]):
            wrong.append(f"{operation['operationId']}: {answer.status_code} {answer.get_data(as_text=True)[:300]}")
            continue
        media = operation["responses"][str(answer.status_code)].get("content", {}).get(answer.mimetype, {})
        if "json" in answer.mimetype and "schema" in media:
            wrong += [f"{operation['operationId']} answers: {fault}" for fault in sample.faults(media["schema"], found)]
    assert not wrong, "\n".join([f"{len(wrong)} examples", *wrong])


def test_every_example_of_a_body_or_an_answer_is_what_its_schema_says(sample):
    wrong = []
    for _, _, operation in operations(sample):
        places = {"request": operation.get("requestBody", {"content": {}})} | operation["responses"]
        for place, described in places.items():
            for media in described.get("content", {}).values():
                if "example" in media:
                    faults = sample.faults(media["schema"], media["example"])
                    wrong += [f"{operation['operationId']} {place}: {fault}" for fault in faults]
    assert not wrong, "\n".join(wrong)


def test_every_operation_has_its_examples_and_few_have_to_show_a_refusal(sample, record_property):
    refused = {operation["operationId"]: operation["x-example"] for *_, operation in operations(sample)}
    refused = {name: example["why"] for name, example in refused.items() if example["code"]}
    assert all(refused.values())
    record_property("examples: refused", len(refused))
    assert len(refused) < 0.1 * sum(len(item) for item in sample.document["paths"].values()), refused
    for method, path, operation in operations(sample):
        if "requestBody" in operation:
            assert all("example" in media for media in operation["requestBody"]["content"].values()), (method, path)
        for response in operation["responses"].values():
            for kind, media in response.get("content", {}).items():
                assert "json" not in kind or media.keys() & {"example", "examples"}, (method, path, kind)
        for parameter in operation["parameters"]:  # a key for each act cannot be written down beforehand
            needed = parameter.get("required") and parameter["in"] != "header"
            assert not needed or "example" in parameter, (method, path, parameter["name"])


def test_the_example_of_a_problem_is_what_is_answered(sample):
    shown = sample.document["components"]["examples"]
    answer = Client(sample.app).get("/auth/me")
    assert shown["auth.required"]["value"] | {"request_id": None} == answer.body | {"request_id": None}
    assert set(answer.body) == set(sample.document["components"]["schemas"]["Problem"]["required"])
