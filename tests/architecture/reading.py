"""Reading the code as text: which module imports what."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
KERNEL = sorted((ROOT / "ofektom").glob("*.py"))
TEMPLATES = sorted((ROOT / "ofektom" / "scaffold").rglob("*.txt"))
SLICES = sorted(path.parent for path in (ROOT / "blueprints").glob("*/__init__.py"))


def imports(path: Path) -> set[str]:
    """The dotted names a file imports: modules, and `module.name` for what it takes from one."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(path: Path) -> set[str]:
    """The top-level packages a file imports."""
    return {name.split(".")[0] for name in imports(path)}


def slices_imported(path: Path) -> set[str]:
    """The slices a file imports from."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("blueprints.")}


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Every function of a file, methods included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def lines(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1
