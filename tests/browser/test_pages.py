"""What every page of the console is like, on a desk and on a phone, by day and by night, with scripts and without."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Browser

MOST_BYTES = 30_000
READING = (Path(__file__).parent / "reading.js").read_text()
NAMED = {"link", "button", "textbox", "table", "image", "navigation", "heading"}


@dataclass(frozen=True)
class Page:
    """A page, and who looks at it."""

    name: str
    path: str
    who: str | None
    says: str


PAGES = [
    Page("sign-in", "/console/sign-in", None, "Password or PIN"),
    Page("today", "/console", "ada", "Together"),
    Page("route", "/console/route", "ada", "Chidi Eze"),
    Page("walk", "/console/route/stops", "ada", "Sade Bakare"),
    Page("approvals", "/console/approvals", "ada", "Petrol for the rounds"),
    Page("cash", "/console/cash", "ada", "Emeka Udo"),
    Page("health", "/console/health", "ada", "Asked most often"),
    Page("collector", "/console", "chidi", "you and those under you"),
    Page("businesses", "/console/businesses", "staff", "Owed to customers"),
    Page("customer", "/console", "funke", "Nothing for you here"),
    Page("missing", "/console/nowhere", "ada", "There is no such thing here"),
]


@pytest.fixture
def seen(browser, market, staff):
    """Looks at a page as whoever it is for."""

    def look(page: Page) -> Browser:
        people = {"staff": staff, None: None}
        person = people[page.who] if page.who in people else getattr(market.cast, page.who)
        browser.become(person and person.token).open(page.path)
        return browser

    yield look
    browser.look()


def complaints(browser: Browser, page: Page) -> list[str]:
    """What the browser complains of, but for a missing page's being missing."""
    return [text for text in browser.complaints() if page.name != "missing" or " 404 " not in text]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_legible_and_whole_on_every_screen(seen, browser, page):
    seen(page)
    for size, screen in ((DESKTOP, "desktop"), (PHONE, "phone")):
        for scheme in ("light", "dark"):
            browser.look(size, scheme)
            assert page.says in browser.text()
            assert browser.run(READING) == [], (screen, scheme)
            browser.screenshot(f"{page.name}-{screen}-{scheme}")
    for disclosure in browser.all("details"):
        disclosure.find_element("css selector", "summary").click()
    assert browser.run(READING) == [], "with everything opened"
    assert unnamed(browser) == []
    assert complaints(browser, page) == []


def unnamed(browser: Browser) -> list[str]:
    """What a screen reader would come to and could not name, or by the same name as something else."""
    nodes = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    shown = [(node["role"]["value"], node["name"]["value"].strip()) for node in nodes if not node["ignored"]]
    shown = [(role, name) for role, name in shown if role in NAMED]
    assert shown
    controls = Counter(name for role, name in shown if role in ("button", "textbox"))
    return [role for role, name in shown if not name] + [name for name, times in controls.items() if times > 1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_the_same_without_scripts(seen, browser, page):
    with browser.without_scripts():
        seen(page)
        assert page.says in browser.text()
        assert complaints(browser, page) == []


def test_the_first_pages_are_small(seen, browser, market):
    for page in PAGES[:2]:
        seen(page).cdp("Network.clearBrowserCache")
        browser.open(page.path)
        sizes = "return performance.getEntries().filter((one) => 'transferSize' in one).map((one) => one.transferSize)"
        loaded = browser.run(sizes)
        assert len(loaded) >= 3
        assert sum(loaded) < MOST_BYTES, "uncompressed, with style, script and icon"
