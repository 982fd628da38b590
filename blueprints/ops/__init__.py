"""What those who run and those who call the service need: health, the OpenAPI document and a page to read it."""

from blueprints.ops.routes import bp

USES: set[str] = set()
GRANTS: dict[str, set[str]] = {}

__all__ = ["GRANTS", "USES", "bp"]
