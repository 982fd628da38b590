"""Chromium as somebody at a screen uses it, driven by its own driver."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from ofektom.browsers import COOKIE
from tests.conf.processes import program, wait_for

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
DESKTOP, PHONE = (1280, 800), (360, 740)
# Where `make screenshots` wants them; otherwise none are taken.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


class Browser:
    """A browser at one service, and what somebody does with it."""

    def __init__(self, driver: Chrome, origin: str):
        self.driver, self.origin = driver, origin

    def open(self, path: str) -> "Browser":
        """Go to an address of the service."""
        self.driver.get(self.origin + path)
        return self

    def become(self, token: str | None) -> "Browser":
        """Be signed in with a token, or not at all, and look at the page as by default."""
        self.cdp("Network.clearBrowserCookies")
        if token:
            cookie = {"name": COOKIE, "value": token, "url": self.origin, "httpOnly": True, "sameSite": "Strict"}
            self.cdp("Network.setCookie", **cookie)
        self.complaints()
        return self

    def cdp(self, command: str, **parameters):
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def look(self, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> None:
        """Have a screen of `size` in CSS pixels, a phone's where it is narrow."""
        width, height = size
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.cdp("Emulation.setDeviceMetricsOverride", **screen)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """A browser whose owner has switched JavaScript off."""
        self.cdp("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self.cdp("Emulation.setScriptExecutionDisabled", value=False)

    def complaints(self) -> list[str]:
        """What the console of the browser has said since it was last asked: failed loads, errors, violated policies."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def run(self, script: str, *arguments):
        """The value of a script, run by the driver, whatever the page's policy says."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str = "body") -> str:
        return self.find(selector).text

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def tab_to(self, text: str) -> WebElement:
        """Go on by the Tab key until the focus is on what is called `text`; fails when it never is."""
        for _ in range(60):
            self.press(Keys.TAB)
            focused = self.driver.switch_to.active_element
            if text in (focused.accessible_name or ""):
                return focused
        raise AssertionError(f"the Tab key never comes to {text!r}")

    def wait_for_path(self, path: str) -> None:
        """Wait until the address is `path`, with whatever query."""
        wait_for(lambda: self.driver.current_url.removeprefix(self.origin).partition("?")[0] == path)

    def screenshot(self, name: str) -> None:
        """A picture of the whole page, where pictures are wanted."""
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            self.driver.get_screenshot_as_file(str(folder / f"{name}.png"))


@contextmanager
def chromium(origin: str, folder: Path) -> Iterator[Browser]:
    """A new browser with a profile of its own, until the end of the block."""
    options = ChromeOptions()
    options.binary_location = program("chromium")
    for flag in [*FLAGS, f"--user-data-dir={folder / f'profile-{secrets.token_hex(4)}'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(program("chromedriver"), log_output=str(folder / "chromedriver.log")))
    driver.execute_cdp_cmd("Network.enable", {})
    try:
        yield Browser(driver, origin)
    finally:
        driver.quit()
