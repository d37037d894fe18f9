"""The way back: it asks first, wants a reason and the token, and the page follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from page_reader import TOKEN, Reader
from selenium.webdriver import Keys


def ask(page: Reader, version: int) -> None:
    """Open the question, and wait until it says what will change."""
    page.one(f"[aria-label='Roll back to version {version}']").click()
    page.wait_for("#rollback .difference")


def test_it_says_what_will_change(page: Reader) -> None:
    ask(page, 1)
    assert page.text("#rollback h2") == "Roll back to version 1?"
    assert "expert e1 serves no more" in page.text("#rollback .changes")
    assert "documents stay as they are" in page.text("#rollback .changes")
    page.one("#rollback [value=all]").click()
    page.wait_for("#rollback .changes", "280 documents will be gone")
    assert "stay as they are" not in page.text("#rollback .changes")
    assert page.json("/health")["version"] == 3


def test_nothing_happens_without_reason_and_token(page: Reader) -> None:
    ask(page, 1)
    page.one("#rollback [type=submit]").click()
    assert page.one("#rollback").is_displayed()
    page.one("#rollback [name=reason]").send_keys("too early")
    page.one("#rollback [name=token]").send_keys("not-the-token", Keys.ENTER)
    page.wait_for("#rollback .refusal", "the token is missing or wrong")
    assert page.driver.switch_to.active_element.get_attribute("name") == "token"
    assert page.json("/health")["version"] == 3


def test_with_the_token_it_is_done_and_the_page_follows(page: Reader) -> None:
    ask(page, 1)
    page.one("#rollback [name=reason]").send_keys("too early")
    page.one("#rollback [name=token]").send_keys(TOKEN, Keys.ENTER)
    page.wait_for("#said", "Version 4 has the modules of version 1.")
    assert not page.one("#rollback").is_displayed()
    assert "version 4 live" in page.text("#live")
    assert page.texts("#versions [data-version] th b") == ["4", "3", "2", "1"]
    assert "Since then: rollback (version 4), to version 1: too early." in page.text("#night")
    live = page.json("/versions")[-1]
    assert live["reason"] == "to version 1: too early"
    assert (live["documents"], live["experts"]) == (581, 0)
    assert "No expert yet" not in page.text("#growth")


def test_documents_come_back_too_if_that_is_chosen(page: Reader) -> None:
    ask(page, 1)
    page.one("#rollback [value=all]").click()
    page.one("#rollback [name=reason]").send_keys("all of it")
    page.one("#rollback [name=token]").send_keys(TOKEN, Keys.ENTER)
    page.wait_for("#said", "Version 4 has the modules and documents of version 1.")
    assert page.json("/versions")[-1]["documents"] == 301


def test_beyond_this_machine_the_page_asks_for_the_token_first(
    open_page: Callable[..., Reader], grown_store: Path
) -> None:
    page = open_page(grown_store, host="0.0.0.0")
    assert "the token is missing or wrong" in page.text("#said")
    assert page.text("#versions [data-room]") == ""
    page.one("#said [name=token]").send_keys(TOKEN, Keys.ENTER)
    page.wait_for("#experts [data-room] > *")
    assert "version 3 live" in page.text("#live")
    page.search("seatopicaa")
    assert page.all(".hits li")


def test_the_token_is_kept_in_memory_alone(page: Reader) -> None:
    ask(page, 2)
    page.one("#rollback [name=reason]").send_keys("once")
    page.one("#rollback [name=token]").send_keys(TOKEN, Keys.ENTER)
    page.wait_for("#said", "Version 4")
    ask(page, 1)
    assert page.one("#rollback [name=token]").get_property("value") == TOKEN
    kept = page.driver.execute_script(
        "return JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])"
    )
    assert TOKEN not in kept
    page.open()
    ask(page, 1)
    assert page.one("#rollback [name=token]").get_property("value") == ""
