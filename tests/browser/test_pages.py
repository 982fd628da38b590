"""What every page is like."""
import os
import pytest
from tests.browser.chromium import PHONE, DESKTOP

PAGES = ["/console", "/console/route", "/console/route/stops", "/console/approvals", "/console/cash", "/console/health"]

def test_shots(browser, market, staff):
    browser.become(None)
    browser.open("/console")
    print(browser.complaints())
    for token, pages in ((None, ["/console/sign-in"]), (market.cast.ada.token, PAGES), (staff.token, ["/console/businesses"]), (market.cast.funke.token, ["/console", "/console/nowhere"])):
        browser.become(token)
        for p in pages:
            for size, name in ((DESKTOP, "desktop"), (PHONE, "phone")):
                for scheme in ("light", "dark"):
                    browser.look(size, scheme)
                    browser.open(p)
                    browser.screenshot(f"{p.replace('/', '-')[1:]}-{name}-{scheme}")
                    w = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    print(p, name, w, browser.complaints(), browser.driver.title)
