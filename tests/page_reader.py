"""Somebody who reads the page: looks, types, and listens to the console."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from bench.browser import look

TOKEN = "the-token-of-these-tests"
HOSTILE: dict[str, object] = {
    "_id": "<script>document.title='owned'</script>",
    "title": "<img src=x onerror=\"document.title='owned'\"> plunder",
    "text": "seatopicaa seatopicaa <svg onload=alert(1)> \u202eseatopicab\u202c </p><h1>owned</h1> "
    "seatopicac seatopicad seacommonaa seacommonab seacommonac seacommonad seacommonae",
}
"""A document that would take over a page that believed it."""
PATIENCE = 30
MANY_TABS = 200


class Reader:
    """One page in one browser."""

    def __init__(self, driver: Chrome, address: str) -> None:
        self.driver, self.address = driver, address
        look(driver)
        self.open()

    def open(self) -> None:
        """Load the page anew, until it has read all or was refused; the experts come last."""
        self.driver.get_log("browser")
        self.driver.get(self.address)
        self.wait_for("#experts [data-room] > *, #said .refusal")

    def json(self, path: str) -> Any:
        """What the service says, past the page."""
        return json.loads(self.plain(path))

    def plain(self, path: str) -> str:
        """The same, as it comes."""
        with urllib.request.urlopen(self.address + path) as answer:
            return str(answer.read(), "utf-8")

    def asked(self, queries: list[str]) -> Any:
        """What the service finds, past the page."""
        asked = urllib.request.Request(
            self.address + "/search",
            json.dumps({"queries": queries}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """All text, of what is folded away too."""
        return " ".join(str(self.one(selector).get_property("textContent")).split())

    def texts(self, selector: str) -> list[str]:
        return [
            " ".join(str(one.get_property("textContent")).split()) for one in self.all(selector)
        ]

    def wait_for(self, selector: str, words: str = "") -> WebElement:
        """Until there is such an element, and it holds these words."""

        def there(_: Chrome) -> WebElement | None:
            found = self.all(selector)
            return found[0] if found and words in self.text(selector) else None

        return WebDriverWait(self.driver, PATIENCE).until(there, f"{selector} with {words!r}")

    def search(self, query: str, beside: int | None = None) -> None:
        """Type a query; the answer has come when this returns."""
        self.driver.execute_script("document.querySelector('.results').replaceChildren()")
        if beside is not None:
            Select(self.one("[name=beside]")).select_by_value(str(beside))
        field = self.one("[name=query]")
        field.clear()
        field.send_keys(query, Keys.ENTER)
        self.wait_for(".results > *")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def tab_to(self, selector: str) -> WebElement:
        """By the Tab key alone, as many times as it takes."""
        for _ in range(MANY_TABS):
            at = self.driver.switch_to.active_element
            if at in self.all(selector):
                return at
            self.press(Keys.TAB)
        raise AssertionError(f"Tab never comes to {selector}")

    def sideways(self) -> int:
        """How far the page can be scrolled sideways, in pixels."""
        return int(
            self.driver.execute_script(
                "const page = document.documentElement; return page.scrollWidth - page.clientWidth"
            )
        )

    def complaints(self) -> list[str]:
        """What the console holds against the page: errors, refused scripts, broken promises."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]
