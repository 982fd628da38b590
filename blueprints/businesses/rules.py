"""This domain's errors."""

from ofektom.errors import Problem


class UnitExists(Problem):
    code, status, title = "units.exists", 409, "The business has a unit of that name already"
    constraints = ("uq_units_business_id_name",)


class UnknownTimezone(Problem):
    code, status, title = "businesses.unknown_timezone", 422, "That is no time zone of the IANA database"
