"""deploy/Dockerfile, read so that its steps can be followed without Docker."""

import fnmatch
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

from local.programs import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IGNORED = ROOT / "deploy" / "Dockerfile.dockerignore"


@dataclass
class Stage:
    """What is between one FROM and the next; steps are (instruction, rest of the line)."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages() -> list[Stage]:
    """The stages of the Dockerfile, in its order."""
    parser = DockerfileParser(fileobj=io.BytesIO(DOCKERFILE.read_bytes()))
    found: list[Stage] = []
    for step in parser.structure:
        instruction, value = step["instruction"], step["value"]
        if instruction == "FROM":
            base, *rest = value.split()
            found.append(Stage(base, rest[1] if rest else str(len(found))))
        elif instruction != "COMMENT":
            found[-1].steps.append((instruction, value))
    return found


def words(value: str) -> list[str]:
    """The words of an instruction in exec form. Raises ValueError for the form that a shell would read."""
    found = json.loads(value)
    if not isinstance(found, list):
        raise ValueError(f"not in exec form: {value}")
    return found


def context() -> Iterator[str]:
    """The files of the tree that a build may see, by their paths: those that the .dockerignore file lets through."""
    rules = [line for line in IGNORED.read_text().splitlines() if line and not line.startswith("#")]
    for path in sorted(ROOT.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith((".venv", ".git/")) and path.is_file() and _is_let_through(name, rules):
            yield name


def _is_let_through(name: str, rules: list[str]) -> bool:
    """The last rule that fits decides. Only the forms of rules that our file has are understood."""
    parts = [name, *(parent.as_posix() for parent in Path(name).parents)]
    let_through = True
    for rule in rules:
        pattern = rule.removeprefix("!").removeprefix("**/")
        anywhere = pattern != rule.removeprefix("!")
        candidates = Path(name).parts if anywhere else parts
        if any(fnmatch.fnmatchcase(candidate, pattern) for candidate in candidates):
            let_through = rule.startswith("!")
    return let_through
