"""What people do on the pages: by keyboard, without scripts, twice by mistake, and what others would have them do."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium.webdriver import Keys
from sqlalchemy import text

from ofektom.extensions import db
from tests.browser.conftest import furnish
from tests.cast import PASSWORD, Cast
from tests.conf.processes import wait_for

# docs/decisions/0011: within about ten seconds in the worst case; the rest is for a busy machine.
OUT_WITHIN_SECONDS = 15
SCRIPT = "<script>document.title = 'taken over'</script>"
IMAGE = "\"'><img src=/x onerror=\"document.title='taken over'\">"


@pytest.fixture(scope="module")
def market(staff):
    """A business in which things are decided."""
    return furnish(staff)


def status_of(market, payout: int) -> str:
    return market.cast.ada.ok("GET", f"/payments/{payout}")["status"]


def audited(market, payout: int) -> list[str]:
    """What the audit trail says of a payout, latest first."""
    query = {"object_type": "payment_request", "object_id": payout}
    return [event["action"] for event in market.cast.ada.ok("GET", "/audit", query_string=query)["items"]]


def waits(browser, market, payout: int):
    """The form to approve a payout with, as ada sees it."""
    browser.become(market.cast.ada.token).open("/console/approvals")
    return browser.find(f"form[action='/console/payouts/{payout}/approve']")


def test_by_keyboard_alone_one_signs_in_finds_and_approves(browser, market):
    cast, payout = market.cast, market.payouts[0]
    browser.become(None).open("/console")
    browser.wait_for_path("/console/sign-in")
    browser.tab_to("Username, phone or e-mail").send_keys(cast.bola.phone)
    browser.tab_to("Password or PIN").send_keys(PASSWORD, Keys.ENTER)
    browser.wait_for_path("/console")
    browser.press(Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Skip to the content"
    assert browser.run("return document.activeElement.getBoundingClientRect().left >= 0"), "seen once it has the focus"
    browser.tab_to("Approvals").send_keys(Keys.ENTER)
    browser.wait_for_path("/console/approvals")
    button = browser.tab_to(f"Approve payout {payout}")
    assert browser.run("return getComputedStyle(arguments[0]).outlineWidth", button) == "3px"
    button.send_keys(Keys.ENTER)
    wait_for(lambda: browser.all("[role=status]"))
    assert browser.text("[role=status]") == f"Payout {payout} approved."
    assert browser.driver.switch_to.active_element.text == f"Payout {payout} approved."
    assert status_of(market, payout) == "approved"
    assert audited(market, payout)[0] == "payments.approved"
    assert browser.complaints() == []


def test_without_scripts_one_signs_in_declines_and_signs_out(browser, market):
    cast, payout = market.cast, market.payouts[1]
    with browser.without_scripts():
        browser.become(None).open("/console")
        browser.find("#login").send_keys(cast.ada.phone)
        browser.find("#secret").send_keys(PASSWORD)
        browser.find("button").click()
        browser.open("/console/approvals")
        form = f"form[action='/console/payouts/{payout}/decline']"
        browser.find(f"details:has({form}) summary").click()
        browser.find(f"{form} [name=reason]").send_keys("Ask again on Friday")
        browser.find(f"{form} button").click()
        wait_for(lambda: browser.all("[role=status]"))
        assert browser.text("[role=status]") == f"Payout {payout} declined."
        browser.find("form[action='/console/sign-out'] button").click()
        browser.wait_for_path("/console/sign-in")
        browser.open("/console/approvals").wait_for_path("/console/sign-in")
    assert cast.ada.ok("GET", f"/payments/{payout}")["reason"] == "Ask again on Friday"


def test_a_wrong_secret_is_said_and_the_login_stays(browser, market):
    browser.become(None).open("/console/sign-in")
    browser.find("#login").send_keys(market.cast.ada.phone)
    browser.find("#secret").send_keys("not the passphrase", Keys.ENTER)
    wait_for(lambda: browser.all("[role=alert]"))
    assert browser.text("[role=alert]") == "The login or the secret is wrong."
    assert browser.find("#login").get_attribute("value") == market.cast.ada.phone
    assert browser.find("#secret").get_attribute("value") == ""


LOCK = "SELECT id FROM payment_requests WHERE id = :id FOR UPDATE"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


CLICK_TWICE = "for (const after of [50, 400]) setTimeout((button) => button.click(), after, arguments[0])"


@pytest.mark.parametrize(("ours", "sent"), [(True, 1), (False, 2)])
def test_an_impatient_second_click_has_no_effect_of_its_own(app, browser, market, ours, sent):
    """While the payout is locked. Our script has the second click send nothing; else the service sees to it."""
    cast = market.cast
    account = cast.open_account(cast.funke)
    cast.mark(account, days=4)
    payout = cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 50_000})["id"]
    browser.cdp("Network.setBlockedURLs", urls=[] if ours else ["*/console.js"])
    button = waits(browser, market, payout).find_element("css selector", "button")
    with app.app_context(), db.engine.begin() as holder, db.engine.connect() as watcher:
        holder.execute(text(LOCK), {"id": payout})
        browser.run(CLICK_TWICE, button)
        time.sleep(1.5 if ours else 0)  # for a second form, which must not come
        wait_for(lambda: watcher.scalar(text(WAITING)) >= sent)
        assert watcher.scalar(text(WAITING)) == sent
    browser.cdp("Network.setBlockedURLs", urls=[])
    wait_for(lambda: browser.all("[role=status]"))
    assert browser.text("[role=status]") == f"Payout {payout} approved."
    assert audited(market, payout).count("payments.approved") == 1


def test_what_is_refused_is_said_and_changes_nothing(browser, market):
    """ada asks for money on somebody's behalf: she has no button, and a form that says so all the same is refused."""
    cast, other = market.cast, market.payouts[2]
    account = cast.open_account(cast.gbenga)
    cast.mark(account, days=4)
    own = cast.ada.ok("POST", "/payments", {"account_id": account["id"], "amount": 50_000})["id"]
    browser.become(cast.ada.token).open("/console/approvals")
    assert browser.all(f"form[action='/console/payouts/{own}/approve']") == []
    assert "You asked for this" in browser.text()
    browser.run(
        f"document.querySelector('form[action$=\"/{other}/approve\"]').action = '/console/payouts/{own}/approve'"
    )
    browser.find(f"form[action='/console/payouts/{own}/approve'] button").click()
    wait_for(lambda: browser.all("[role=alert]"))
    assert browser.text("[role=alert]") == "Somebody else must approve what you have requested."
    assert status_of(market, own) == status_of(market, other) == "requested"


def test_words_that_would_be_scripts_are_words(browser, staff):
    cast = Cast(staff, name=f"Shop {IMAGE}")
    cast.ada.ok("PATCH", "/settings", {"expense_approval_above": 100})
    agent = cast.join("agent", f"Agent {SCRIPT}")
    customer = cast.add("customer", IMAGE, parent=agent)
    account = cast.ada.ok("POST", "/savings", {"kind": "daily", "contribution": 1_000, "customer_id": customer["id"]})
    agent.ok("POST", f"/savings/{account['id']}/markings", {"days": 3})
    agent.ok("POST", "/payments", {"account_id": account["id"], "amount": 1_000})
    agent.ok("POST", "/expenses", {"amount": 1_000, "category": "fuel", "note": SCRIPT})
    shown = {
        "/console": [SCRIPT],
        "/console/route": [SCRIPT],
        "/console/route/stops": [IMAGE],
        "/console/approvals": [IMAGE, SCRIPT],
        "/console/cash": [SCRIPT],
    }
    for path, words in shown.items():
        browser.become(cast.ada.token).open(path)
        assert all(word in browser.text() for word in [*words, f"Shop {IMAGE}"]), path
        assert "taken over" not in browser.driver.title
        assert browser.all("main img, main script, .brand img") == []
        assert browser.complaints() == []
    browser.become(staff.token).open("/console/businesses")
    while f"Shop {IMAGE}" not in browser.text():  # on a later page
        browser.find("main p > a").click()
    browser.become(None).open("/console/sign-in")
    browser.find("#login").send_keys(IMAGE)
    browser.find("#secret").send_keys("anything", Keys.ENTER)
    wait_for(lambda: browser.all("[role=alert]"))
    assert browser.find("#login").get_attribute("value") == IMAGE
    assert "taken over" not in browser.driver.title


@contextmanager
def another_site(page: str):
    """A server of somebody else's on this machine: another port is another origin, another name another site."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_form_of_another_site_is_refused_even_with_the_right_fields(browser, market, host):
    """From the same host on another port the browser even sends the cookie."""
    payout = market.payouts[2]
    stolen = waits(browser, market, payout).find_element("css selector", "[name=form]").get_attribute("value")
    target = f"{browser.origin}/console/payouts/{payout}/approve"
    page = f"<form method=post action='{target}'><input name=form value='{stolen}'><button>Win</button></form>"
    with another_site(page) as port:
        browser.driver.get(f"http://{host}:{port}/")
        browser.find("button").click()
        wait_for(lambda: browser.driver.current_url == target)
    assert "This was not sent by a page of this service" in browser.text()
    assert status_of(market, payout) == "requested"


def test_nobody_frames_a_page(browser, market):
    browser.become(market.cast.ada.token)
    with another_site(f"<iframe src='{browser.origin}/console/approvals'></iframe>") as port:
        browser.driver.get(f"http://127.0.0.1:{port}/")
        wait_for(lambda: any("frame-ancestors" in text for text in browser.complaints()))


def test_who_is_deactivated_is_out(browser, market):
    cast = market.cast
    person = cast.join("admin", "Former Admin")
    browser.become(person.token).open("/console")
    assert "Former Admin" in browser.text()
    began = time.monotonic()
    cast.staff.ok("POST", f"/users/{person.user_id}/deactivate", {"reason": "x"})

    def is_out() -> bool:
        browser.open("/console")
        return "Former Admin" not in browser.text()

    wait_for(is_out, OUT_WITHIN_SECONDS)
    print(f"out after {time.monotonic() - began:.1f} s")
    assert browser.text("[role=alert]") == "You have been signed out; sign in again."
