"""Finding the slices: every folder of `blueprints/` with a `bp` is served, and its declarations are checked.

Start-up fails, naming the place, when a view does not declare who may call it, when it names a permission no slice
grants, or when a slice imports what it does not declare (the tests read the imports).
"""

import importlib
import pkgutil
from types import ModuleType

from flask import Flask

from ofektom.auth import OPERATOR, PUBLIC, SIGNED_IN, Grants
from ofektom.identity import Role

# Views that Flask and its extensions bring along and that show nothing of anybody's.
FRAMEWORK_VIEWS = {"static"}


class DeclarationError(RuntimeError):
    """A slice or view does not say what it must."""


def find_slices() -> dict[str, ModuleType]:
    """The slices by name, imported."""
    package = importlib.import_module("blueprints")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg)
    return {name: importlib.import_module(f"blueprints.{name}") for name in names}


def import_models() -> None:
    """Import every slice's tables, so that the metadata is whole."""
    for name, module in find_slices().items():
        if importlib.util.find_spec(f"{module.__name__}.models"):
            importlib.import_module(f"blueprints.{name}.models")


def register_slices(app: Flask) -> None:
    """Serve every slice and collect what its roles may do."""
    roles_by_permission: dict[str, frozenset[str]] = {}
    for name, module in find_slices().items():
        for attribute in ("bp", "USES", "GRANTS"):
            if not hasattr(module, attribute):
                raise DeclarationError(f"blueprints/{name}/__init__.py does not declare {attribute}")
        for permission, roles in module.GRANTS.items():
            if permission in roles_by_permission or not set(roles) <= set(Role):
                raise DeclarationError(f"{name} grants {permission} twice or to a role that does not exist")
            roles_by_permission[permission] = frozenset(map(str, roles))
        app.register_blueprint(module.bp)
    app.extensions["grants"] = Grants(roles_by_permission)


def check_views(app: Flask) -> None:
    """Raise DeclarationError for a view without declared access, or with a permission or a rate that is none."""
    known = {PUBLIC, SIGNED_IN, OPERATOR, *app.extensions["grants"].roles_by_permission}
    for endpoint, function in app.view_functions.items():
        if endpoint in FRAMEWORK_VIEWS:
            continue
        view = getattr(function, "view", None)
        if view is None:
            raise DeclarationError(
                f"the view {endpoint} does not declare its access: route it with ofektom.views.Slice"
            )
        if view.access not in known:
            raise DeclarationError(f"the view {endpoint} needs {view.access!r}, which no slice grants")
        if view.rate and view.rate not in app.config:
            raise DeclarationError(f"the view {endpoint} has the rate of {view.rate!r}, which is no setting")
