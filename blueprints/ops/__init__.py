"""For those who run and those who call the service: health, the OpenAPI document and its page, sample data."""

from blueprints.ops.commands import sample_data
from blueprints.ops.routes import bp

USES = {"auth"}
GRANTS: dict[str, set[str]] = {}

COMMANDS = [sample_data]

__all__ = ["COMMANDS", "GRANTS", "USES", "bp"]
