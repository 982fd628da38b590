"""What may be asked of an export."""

from ofektom.schemas import Id, PeriodIn, StrictBoolean

_BOM = "begin with a byte order mark, by which Excel sees that the file is UTF-8"


class ExportIn(PeriodIn):
    agent_id = Id(load_default=None, metadata={"description": "only what is this agent's or sub-agent's"})
    unit_id = Id(load_default=None, metadata={"description": "only what is of the agents of this unit"})
    bom = StrictBoolean(load_default=False, metadata={"description": _BOM})
