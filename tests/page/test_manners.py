"""How the page behaves: hostile text, the console, the keyboard, a phone, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import worlds
from page_reader import HOSTILE, TOKEN, Reader
from selenium.webdriver import Keys

from bench.browser import look

CONTRAST = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const over = ([r, g, b, a = 1], ground) => [r, g, b].map((one, n) => a * one + (1 - a) * ground[n]);
const ground = (node) => {
  const own = channels(getComputedStyle(node).backgroundColor);
  const below = node.parentElement ? ground(node.parentElement) : [255, 255, 255];
  return over(own, below);
};
const light = (colour) => colour.map((one) => one / 255)
  .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
  .reduce((sum, one, n) => sum + one * [0.2126, 0.7152, 0.0722][n], 0);
const words = (node) => [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
return [...document.querySelectorAll("body *")]
  .filter((node) => words(node) && node.checkVisibility())
  .map((node) => {
    const style = getComputedStyle(node);
    const ink = channels(node instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(over(ink, ground(node))), light(ground(node))].sort((x, y) => y - x);
    return [node.tagName, node.className, node.textContent, (a + 0.05) / (b + 0.05)];
  })
"""
AA = 4.5


def everything(page: Reader) -> None:
    """Search under two versions, unfold what folds, and see all of it."""
    page.search("seatopicaa", beside=2)
    page.one("#versions [aria-controls]").click()
    page.wait_for("#versions .difference")
    for summary in page.all("details:not([open]) > summary"):
        page.driver.execute_script("arguments[0].parentElement.open = true", summary)


def test_hostile_text_is_text(page: Reader) -> None:
    page.one("[name=leg] option[value=lexical]").click()
    page.search("plunder", beside=1)
    titles = page.texts(".hits .title bdi:first-child")
    assert HOSTILE["title"] in titles
    assert HOSTILE["_id"] in page.texts(".hits .id")
    assert not page.all(".hits img, .hits script, .hits svg, .hits h1")
    passages = " ".join(page.texts(".hits .passage"))
    assert "<svg onload=alert(1)>" in passages
    assert "\u202e" not in passages
    assert page.driver.title == "nightshift"
    assert page.complaints() == []


def test_the_console_has_nothing_to_say(page: Reader) -> None:
    everything(page)
    page.one("[aria-label='Roll back to version 1']").click()
    page.wait_for("#rollback .difference")
    assert page.complaints() == []


def test_nothing_is_asked_of_anybody_else(page: Reader) -> None:
    everything(page)
    asked = page.driver.execute_script(
        "return performance.getEntriesByType('resource').map((one) => one.name)"
    )
    assert len(asked) > 10
    assert {one for one in asked if not one.startswith(page.address)} == set()


def test_the_keyboard_alone_can_search(page: Reader) -> None:
    page.press(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "Skip to last night"
    page.tab_to("[name=query]").send_keys(worlds.query("law", 7), Keys.ENTER)
    page.wait_for(".hits li")
    page.tab_to(".route a").send_keys(Keys.ENTER)
    assert page.driver.current_url.endswith("#expert-e1")


def test_the_keyboard_alone_can_roll_back(page: Reader) -> None:
    button = page.tab_to("[aria-label='Roll back to version 1']")
    button.send_keys(Keys.ENTER)
    page.wait_for("#rollback .difference")
    page.press(Keys.ESCAPE)
    assert not page.one("#rollback").is_displayed()
    assert page.driver.switch_to.active_element == button
    page.press(Keys.ENTER)
    page.wait_for("#rollback .difference")
    page.tab_to("#rollback [name=what]").send_keys(Keys.ARROW_DOWN)
    page.tab_to("#rollback [name=reason]").send_keys("by keys")
    page.tab_to("#rollback [name=token]").send_keys(TOKEN)
    page.tab_to("#rollback [type=submit]").send_keys(Keys.ENTER)
    page.wait_for("#said", "Version 4 has the modules and documents of version 1.")


def test_where_the_focus_is_can_be_seen(page: Reader) -> None:
    for selector in ("nav a", "[name=query]", "#looked-at", "#versions button"):
        page.tab_to(selector)
        outline = page.driver.execute_script(
            "return getComputedStyle(document.activeElement).outlineStyle"
        )
        assert outline == "solid", selector


def test_headings_and_landmarks_say_what_is_where(page: Reader) -> None:
    assert [one.tag_name for one in page.all("body > header, body > main, header nav")] == [
        "header",
        "nav",
        "main",
    ]
    for section in page.all("main > section"):
        assert section.accessible_name
    assert len(page.all("h1")) == 1
    unnamed = [
        one.get_attribute("outerHTML")
        for one in page.all("input, select, button, svg[role=img]")
        if not one.accessible_name
    ]
    assert unnamed == []


def test_a_phone_scrolls_nothing_sideways(
    open_page: Callable[[Path], Reader], busy_store: Path
) -> None:
    page = open_page(busy_store)
    look(page.driver, width=360, height=740)
    page.open()
    assert page.sideways() == 0
    everything(page)
    assert page.sideways() == 0
    page.one("#versions .acts button + button").click()
    page.wait_for("#rollback .difference")
    assert page.sideways() == 0
    box = page.one("#rollback").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(page: Reader, colours: str) -> None:
    look(page.driver, colours=colours)
    everything(page)
    told = page.driver.execute_script(CONTRAST)
    assert len(told) > 100
    assert [one for one in told if one[-1] < AA] == []
    ground = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    is_dark = int(ground.split("(")[1].split(",")[0]) < 128
    assert is_dark == (colours == "dark")
