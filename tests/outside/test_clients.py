"""The programs of docs/clients.md, taken from the page and run against the served sample, whatever gets in the way."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from blueprints.webhooks.rules import signature
from tests.architecture.reading import ROOT
from tests.conf.processes import ask, free_port, running, wait_for
from tests.outside.mean_proxy import BUSY, LOST, SPOILT, mean_proxy
from tests.outside.stand_ins import Call, stand_in, status
from tests.trees import Caller, Tree, people_of, with_database

CLIENT, RECEIVER = (ROOT / "docs" / "clients.md").read_text().split("## Receive a webhook")
LANGUAGES = {"sh": "bash", "python": sys.executable, "js": "node"}


@dataclass(frozen=True)
class Service:
    """The sample, served: its people, chidi's connection and how many cards he sees."""

    tree: Tree
    people: dict
    chidi: Caller
    ada: Caller


@pytest.fixture(scope="module")
def service(tmp_path_factory, database_url):
    with with_database(ROOT, database_url, "clients") as tree:
        people = people_of(tree.flask("db upgrade", "sample-data --json"))
        with tree.served(tmp_path_factory.mktemp("clients") / "log") as anybody:
            yield Service(tree, people, *(anybody.sign_in(people[login]) for login in ("chidi", "ada")))


def program(text: str, language: str, folder: Path) -> list[str]:
    """The command that runs the program of that language in a part of the page."""
    for needed in ("bash", "curl", "jq", "openssl", "node"):
        assert shutil.which(needed), f"{needed} is not installed; `make test` sees to that"
    code = "\n".join(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL))
    assert code, language
    file = folder / {"sh": "client.sh", "python": "client.py", "js": "client.mjs"}[language]
    file.write_text(code)
    return [LANGUAGES[language], *(["-eu"] if language == "sh" else []), str(file)]


def plan() -> dict[str, list[str]]:
    """The token of the first read is no longer good; the answer to the first marking is lost, the second is refused."""
    return {"GET /api/v1/route": [SPOILT], "POST /api/v1/savings": [LOST, BUSY]}


def collections(service: Service, account: int) -> list[dict]:
    return service.chidi.send("GET", f"/collections?account_id={account}").json["items"]


def run_client(service: Service, folder: Path, language: str, account: int) -> None:
    """Run a language's program through a mean proxy, on an account of its own; it must do what the others do."""
    before = collections(service, account)
    with mean_proxy(service.chidi.port, plan()) as proxy:
        chidi = service.people["chidi"]
        told = {"URL": f"http://127.0.0.1:{proxy.port}", "ACCOUNT": str(account)}
        told |= {"LOGIN": chidi["login"], "SECRET": chidi["secret"]}
        command = program(CLIENT, language, folder)
        done = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, (language, done.stdout, done.stderr)
    [new] = [item for item in collections(service, account) if item not in before]
    balance = service.ada.send("GET", f"/savings/{account}").json["balance"]
    lines = done.stdout.splitlines()
    assert all(re.search(r"\b\d{10}\b.*(?:due|missed|paid)", line) for line in lines[:2]), lines
    assert lines[2] == f"receipt {new['receipt_number']} balance {balance}"
    cards = service.chidi.send("GET", "/savings?limit=100").json["items"]
    assert lines[3:-1] == [f"account {card['id']}" for card in cards]
    assert lines[-1:] == ["days: Must be greater than or equal to 1 and less than or equal to 1000."]
    keys = [key for method, path, key in proxy.came if path.endswith("/markings")]
    assert (len(keys), len(set(keys))) == (4, 2), "the first marking was sent three times, with one key"
    assert [path for _, path, _ in proxy.came].count("/api/v1/auth/refresh") == 1


def test_every_client_signs_in_reads_marks_once_and_understands_a_refusal(service, tmp_path):
    with ThreadPoolExecutor() as pool:
        runs = []
        for account, language in enumerate(LANGUAGES, start=1):
            folder = tmp_path / language
            folder.mkdir()
            runs.append(pool.submit(run_client, service, folder, language, account))
        for run in runs:
            run.result()


def test_receivers_take_what_is_signed_and_nothing_else(service, tmp_path):
    ports = [free_port(), free_port()]
    with stand_in(status(204)) as saving:
        urls = [f"http://127.0.0.1:{port}/hook" for port in [saving.port, *ports]]
        hooks = [service.ada.send("POST", "/webhooks", {"url": url}).json for url in urls]
        with (
            receiver("python", ports[0], hooks[1], tmp_path) as in_python,
            receiver("js", ports[1], hooks[2], tmp_path) as in_js,
        ):
            for hook in hooks:
                service.ada.send("POST", f"/webhooks/{hook['id']}/test")
            service.tree.flask("deliver --once")
            for hook in hooks:
                assert service.ada.send("GET", f"/webhooks/{hook['id']}/deliveries").json["items"][0]["state"] == "sent"
            for log in (in_python, in_js):
                wait_for(lambda log=log: "webhooks.test evt_" in log.read_text())
            for port, forged in itertools.product(ports, ("", "t=1,v1=00", f"t={int(time.time())},v1={'0' * 64}")):
                assert ask(port, "/hook", "POST", b"{}", {"Ofektom-Signature": forged}).status == 400
    call = saving.calls[0]
    a_saved_call_is_verified_in_a_shell(call, hooks[0]["signing_secret"], tmp_path)


@contextmanager
def receiver(language: str, port: int, hook: dict, folder: Path):
    """The page's receiver in a language; yields where it prints."""
    told = {"PORT": str(port), "WEBHOOK_SECRET": hook["signing_secret"]}
    log = folder / f"{language}.log"
    with running(program(RECEIVER, language, folder), port, log, env=os.environ | told):
        yield log


def a_saved_call_is_verified_in_a_shell(call: Call, secret: str, folder: Path):
    saved = folder / "body"
    script = program(RECEIVER, "sh", folder)[-1]
    fresh, old = call.headers["Ofektom-Signature"], signature(secret, int(time.time()) - 301, call.body)
    for body, shown, genuine in ((call.body, fresh, True), (call.body + b" ", fresh, False), (call.body, old, False)):
        saved.write_bytes(body)
        told = {"WEBHOOK_SECRET": secret, "SIGNATURE": shown, "BODY": str(saved)}
        command = ["bash", "-euc", f'. {script}; verify "$BODY" "$SIGNATURE"']
        assert (subprocess.run(command, env=os.environ | told, check=False).returncode == 0) == genuine
