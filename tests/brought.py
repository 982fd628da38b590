"""What slices bring along for tests of all of them, so that a folder dropped in is tested with no other edit.

Beside its own tests, `tests/blueprints/NAME/` may hold `isolation.py` (for `tests/isolation/`), `needs.py` (for
`tests/architecture/test_indexes.py`) and `statements.py` (for `tests/blueprints/test_statements.py`).
"""

import importlib
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent / "blueprints"


def brought(room: str) -> list[ModuleType]:
    """The modules of that name, by the names of their slices."""
    names = sorted(path.parent.name for path in FOLDER.glob(f"*/{room}.py"))
    return [importlib.import_module(f"tests.blueprints.{name}.{room}") for name in names]
