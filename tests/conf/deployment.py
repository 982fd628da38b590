"""What the files that run the service somewhere say: Procfile, app.json, deploy/compose.yaml, deploy/systemd/."""

import json
import re
import shlex

import yaml

from tests.conf.processes import ROOT

DEPLOY = ROOT / "deploy"
SYSTEMD = DEPLOY / "systemd"


def procfile() -> dict[str, list[str]]:
    """The words of each command, by the name of its process."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: shlex.split(command) for name, _, command in (line.partition(":") for line in lines)}


def app_json() -> dict:
    """The manifest for Heroku."""
    return json.loads((ROOT / "app.json").read_text())


def compose() -> dict:
    """The Compose file with its anchors resolved, and ${...} as it stands there."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit and of its drop-ins, whatever their section, in the order they stand there."""
    found: dict[str, list[str]] = {}
    for file in [SYSTEMD / name, *sorted((SYSTEMD / f"{name}.d").glob("*.conf"))]:
        for key, _, value in (line.partition("=") for line in file.read_text().splitlines() if line[:1].isalpha()):
            found.setdefault(key, []).append(value)
    return found


def variables(file: str) -> dict[str, str]:
    """NAME=value lines of a file below deploy/."""
    lines = (DEPLOY / file).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def settings_documented() -> set[str]:
    """The variables that docs/operations.md explains."""
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = text[text.index("\n## Settings") : text.index("\n## Commands")].splitlines()
    return {name for row in rows if row.startswith("| `") for name in re.findall(r"`([A-Z_0-9]+)`", row.split("|")[1])}
