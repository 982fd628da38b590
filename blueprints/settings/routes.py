"""/settings and /settings/holidays of the business one works in."""

from blueprints.settings import queries, schemas, services
from blueprints.settings.rules import ContradictoryPolicy, HalfQuiet, HolidayExists, HolidayPassed, SenderTaken
from ofektom.errors import NotFound
from ofektom.views import Slice

bp = Slice("settings", __name__, url_prefix="/settings")


@bp.get("", access="settings.read", answer=schemas.SettingsOut())
def settings(actor):
    """The settings of the business."""
    return queries.settings_of(actor)


@bp.patch(
    "",
    access="settings.change",
    body=schemas.SettingsIn(),
    answer=schemas.SettingsOut(),
    errors=[ContradictoryPolicy, HalfQuiet, SenderTaken],
)
def change_settings(actor, body):
    """Change some settings. Plans already made keep their terms."""
    return services.change_settings(actor=actor, changes=body)


@bp.get("/holidays", access="settings.read", answer=schemas.HolidaysOut())
def holidays(actor):
    """The days on which the business does not collect."""
    return {"items": queries.holidays_of(actor)}


@bp.post(
    "/holidays",
    access="settings.change",
    body=schemas.HolidayIn(),
    answer=schemas.HolidayOut(),
    errors=[HolidayPassed, HolidayExists],
)
def add_holiday(actor, body):
    """Make a coming day a holiday: plans have no slot then, unless it is paid already."""
    return services.add_holiday(actor=actor, **body)


@bp.delete("/holidays", access="settings.change", query=schemas.HolidayQuery(), errors=[HolidayPassed, NotFound])
def remove_holiday(actor, query):
    """Make a coming holiday an ordinary day again."""
    services.remove_holiday(actor=actor, **query)
