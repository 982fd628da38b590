"""A browser without a screen: it keeps its cookie, asks for pages, and sends the forms that are on them."""

import re

from flask import Flask

PREFERS = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
OURS = {"Sec-Fetch-Site": "same-origin"}


class Visitor:
    """Somebody at the console. `address` is where their requests come from, `scheme` how."""

    def __init__(self, app: Flask, *, address: str = "127.0.0.1", scheme: str = "http"):
        self.client = app.test_client()
        self.options = {"base_url": f"{scheme}://localhost", "environ_overrides": {"REMOTE_ADDR": address}}

    def get(self, path: str = "", **headers: str):
        return self.client.get(f"/console{path}", headers=PREFERS | _named(headers), **self.options)

    def post(self, path: str, fields: dict, **headers: str):
        """Send fields from one of our pages, unless the headers say otherwise; a header of None is left out."""
        sent = {name: value for name, value in (PREFERS | OURS | _named(headers)).items() if value is not None}
        return self.client.post(f"/console{path}", data=fields, headers=sent, **self.options)

    def sign_in(self, login: str, secret: str) -> "Visitor":
        answer = self.post("/session", {"login": login, "secret": secret})
        assert answer.status_code == 303, answer.text
        return self

    def form(self, path: str = "/approvals") -> dict[str, str]:
        """The hidden field of a page's forms."""
        return {"form": re.search(r'name="form" value="([^"]+)"', self.get(path).text)[1]}


def _named(headers: dict) -> dict:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def said(page) -> str:
    """What a page says has come of a form, by its role: "status: …" or "alert: …"; nothing where it says nothing."""
    found = re.search(r'<p class="said" role="(\w+)"[^>]*>([^<]*)</p>', page.text)
    return f"{found[1]}: {found[2]}" if found else ""
