"""/console: pages for a business's admins and collectors, and for platform staff."""

from pathlib import Path
from zoneinfo import ZoneInfo

from flask import current_app, g, render_template, request, url_for

from blueprints.arrears.queries import progress
from blueprints.auth.rules import WrongCredentials
from blueprints.auth.services import log_in
from blueprints.console import queries, rules, schemas
from blueprints.expenses import services as expenses
from blueprints.expenses.rules import OwnExpense
from blueprints.expenses.rules import WrongStatus as ExpenseDecided
from blueprints.figures import queries as figures
from blueprints.markings.queries import route as stops_of
from blueprints.payments import services as payments
from blueprints.payments.rules import AlreadyApproved, CoolingDown, OwnRequest, RequestStatus, WrongStatus
from ofektom import auth, browsers, http, money
from ofektom.auth import PUBLIC, SIGNED_IN
from ofektom.credentials import TooManyGuesses
from ofektom.errors import NotFound
from ofektom.ledger import InsufficientFunds
from ofektom.pages import Pages, keep_signed_in
from ofektom.schemas import ReasonIn

bp = Pages("console", __name__, url_prefix="/console", template_folder="templates")

PAGE = http.Page(of_ours=True)
ASSETS = http.Assets.of(Path(__file__).parent / "static")
# What there is to see, and the permission for it.
LINKS = [
    ("console.home", "Today", "figures.read"),
    ("console.route", "Route", "arrears.read"),
    ("console.approvals", "Approvals", "payments.decide"),
    ("console.cash", "Cash", "figures.read"),
    ("console.platform", "Businesses", "figures.platform"),
]


def _may(actor, permission: str) -> bool:
    """Whether the actor's roles hold a permission."""
    return current_app.extensions["grants"].allow(permission, actor.roles)


def _links(actor) -> list[tuple[str, str]]:
    """(endpoint, name) of the pages the actor may see."""
    found = [(endpoint, name) for endpoint, name, permission in LINKS if _may(actor, permission)]
    return [*found, ("console.health", "Health")] if auth.may_operate(actor) else found


def _html(template: str, **facts) -> str:
    """A template with what all of them need."""
    return render_template(f"console/{template}.html", version=ASSETS.version, rules=rules, **facts)


def _show(template: str, actor, said: str | None = None, **facts):
    """A page for somebody signed in, with what came of the form they sent before."""
    person, session_id = auth.get_current_user(), actor.session_id
    facts |= {"actor": actor, "person": person, "links": _links(actor), "heard": browsers.heard(said, session_id)}
    facts |= {"form": browsers.form_for(session_id), "zone": ZoneInfo(actor.timezone or "UTC")}
    facts |= {"shown": lambda amount: money.shown(amount, actor.currency)}
    return keep_signed_in(PAGE.answer(200, _html(template, **facts)))


def _sign_in(status: int, refused: str | None = None):
    """The form to sign in with, and why the last try or the last page was refused."""
    return PAGE.answer(status, _html("sign_in", refused=refused, typed=g.get("body", {}).get("login", "")[:254]))


def _done(actor, text: str):
    """Back to what else waits, with what has come of this."""
    said = browsers.said(browsers.STATUS, text, actor.session_id)
    return http.see_other(url_for("console.approvals", said=said))


@bp.problems
def show_problem(problem):
    """A problem as a page: the form to sign in with, the list that a refused form came from, or a page of its own."""
    document, view = problem.document(), _view()
    refused = rules.refusal(document)
    if request.endpoint == "console.open_session":
        return _sign_in(problem.status, refused)
    if isinstance(problem, auth.NotAuthenticated) and request.method == "GET":
        return http.see_other(url_for("console.sign_in"))
    if problem.status == 401:
        return browsers.forget(_sign_in(401, refused))
    if request.method == "POST" and view and (isinstance(problem, tuple(view.errors)) or problem.status in (409, 422)):
        said = browsers.said(browsers.ALERT, refused, auth.current_actor().session_id)
        return http.see_other(url_for("console.approvals", said=said))
    return PAGE.answer(problem.status, _html("problem", problem=problem, title=rules.title(document), refused=refused))


def _view():
    """What the view that was asked declares, if there was one."""
    return getattr(current_app.view_functions.get(request.endpoint), "view", None)


@bp.get("/sign-in", access=PUBLIC)
def sign_in():
    """The form to sign in with."""
    return _sign_in(200)


@bp.post(
    "/session",
    access=PUBLIC,
    rate="LOGIN_RATE",
    body=schemas.SignInIn(),
    errors=[WrongCredentials, TooManyGuesses],
)
def open_session(body):
    """Sign in. The browser gets a cookie that only these pages take."""
    tokens = log_in(**body, device="Console", address=request.remote_addr)
    return browsers.remember(http.see_other(url_for("console.home")), tokens["access_token"])


@bp.post("/sign-out", access=SIGNED_IN)
def sign_out():
    """End this session."""
    auth.logout_user()
    return browsers.forget(http.see_other(url_for("console.sign_in")))


@bp.get("", access=SIGNED_IN)
def home(actor):
    """What was collected today, of the collectors one may see; the businesses, for platform staff."""
    if _may(actor, "figures.read"):
        return _show("today", actor, **queries.today(actor))
    if actor.is_super_admin:
        return platform(actor, {"limit": 50, "cursor": None})
    return _show("nothing", actor)


@bp.get("/route", access="arrears.read", query=schemas.CollectorsQuery())
def route(actor, query):
    """How far each collector has come today: paid, due and missed cards of their customers."""
    return _show("route", actor, collectors=progress(actor, **query))


@bp.get("/route/stops", access="markings.route", query=schemas.RouteQuery())
def stops(actor, query):
    """Today's walk of one collector, card by card."""
    return _show("stops", actor, collector_id=query["collector_id"], stops=stops_of(actor, **query))


@bp.get("/cash", access="figures.read", query=schemas.PageIn())
def cash(actor, query):
    """Who holds cash, how much, and for how long."""
    return _show("cash", actor, cash=figures.cash(actor, **query))


@bp.get("/businesses", access="figures.platform", query=schemas.PageIn())
def platform(actor, query):
    """The totals of each business, without anything about a person."""
    return _show("platform", actor, platform=figures.platform(actor, **query), priced=money.priced)


@bp.get("/health", access=SIGNED_IN, errors=[NotFound])
def health(actor):
    """How this instance is. For platform staff, and whoever signs in from OPS_NETWORKS; to others it is not there."""
    if not auth.may_operate(actor):
        raise NotFound
    return _show("health", actor, **queries.health())


@bp.get("/approvals", access="payments.decide", query=schemas.ApprovalsQuery())
def approvals(actor, query):
    """The payouts and expenses that wait for a decision."""
    waiting = queries.approvals(actor, query["payouts"], query["expenses"])
    return _show("approvals", actor, query["said"], **waiting)


@bp.post(
    "/payouts/<id:request_id>/approve",
    access="payments.decide",
    idempotent=True,
    errors=[WrongStatus, OwnRequest, AlreadyApproved, CoolingDown],
)
def approve_payout(actor, request_id):
    """Say yes to somebody else's payout. Above the business's limit two people must."""
    found = payments.approve(actor=actor, request_id=request_id)
    more = "" if found["status"] == RequestStatus.APPROVED else " It waits for one more approval."
    return _done(actor, f"Payout {request_id} approved.{more}")


@bp.post(
    "/payouts/<id:request_id>/decline",
    access="payments.decide",
    body=ReasonIn(),
    idempotent=True,
    errors=[WrongStatus],
)
def decline_payout(actor, request_id, body):
    """Say no to a payout. The money returns to the savings."""
    payments.reject(actor=actor, request_id=request_id, **body)
    return _done(actor, f"Payout {request_id} declined.")


@bp.post(
    "/expenses/<id:expense_id>/approve",
    access="expenses.decide",
    idempotent=True,
    errors=[ExpenseDecided, OwnExpense, InsufficientFunds],
)
def approve_expense(actor, expense_id):
    """Say yes to somebody else's expense: the money moves now."""
    expenses.approve(actor=actor, expense_id=expense_id)
    return _done(actor, f"Expense {expense_id} approved.")


@bp.post(
    "/expenses/<id:expense_id>/decline",
    access="expenses.decide",
    body=ReasonIn(),
    idempotent=True,
    errors=[ExpenseDecided],
)
def decline_expense(actor, expense_id, body):
    """Say no to an expense that waits, one's own too."""
    expenses.reject(actor=actor, expense_id=expense_id, **body)
    return _done(actor, f"Expense {expense_id} declined.")


@bp.get("/assets/<version>/<name>", access=PUBLIC)
def asset(version, name):
    """The style, script and icon of the pages."""
    return ASSETS.send(version, name)
