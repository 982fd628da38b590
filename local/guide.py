"""What to do next: who can log in, the first two requests, where the documentation and the console are."""

import json
import shlex


def guide(people: list[dict], url: str, **places: object) -> str:
    """The text that greets whoever started the service at `url`; `places` are more things and where they are."""
    known = {"Documentation": f"{url}/docs", "OpenAPI": f"{url}/api/v1/openapi.json", "Console": f"{url}/console"}
    rows = "\n".join(f"{name:15} {place}" for name, place in (known | places).items())
    return f"""
Ofektom is ready at {url}

{_who_can_log_in(people)}
{_first_requests(people, url)}
{rows}

Ctrl-C stops everything. The data stays, and the next start is quick; delete it to start afresh.
"""


def _who_can_log_in(people: list[dict]) -> str:
    if not people:
        return "Who can log in: people of this database that were not made here, and so are not known.\n"
    widths = {key: max(len(person[key]) for person in people) for key in ("role", "name", "login")}
    rows = [
        f"  {person['role']:{widths['role']}}  {person['name']:{widths['name']}}"
        f"  login {person['login']:{widths['login']}}  secret {person['secret']}\n"
        for person in people
    ]
    return "Who can log in (with these secrets unless changed since):\n" + "".join(rows)


def _first_requests(people: list[dict], url: str) -> str:
    person = people[0] if people else {"login": "LOGIN", "secret": "SECRET"}
    body = shlex.quote(json.dumps({"login": person["login"], "secret": person["secret"]}))
    return f"""First requests, log in and ask who you are:
  TOKEN=$(curl -s {url}/api/v1/auth/login -H 'Content-Type: application/json' \\
    -d {body} | sed -n 's/.*"access_token": *"\\([^"]*\\)".*/\\1/p')
  curl -s {url}/api/v1/auth/me -H "Authorization: Bearer $TOKEN"
"""
