"""What the page tells is what the service says, in words and in figures."""

from __future__ import annotations

import re
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path

import worlds
from page_reader import TOKEN, Reader
from selenium.webdriver import Keys

from flows.night import update
from flows.settings import Settings
from state.store import Store


def rollback(page: Reader, body: bytes) -> None:
    """Take a night back, past the page."""
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(f"{page.address}/rollback", body, headers)
    urllib.request.urlopen(request).close()


def test_last_night_is_one_sentence(page: Reader) -> None:
    night = page.json("/versions")[-1]
    kind = night["outcomes"][0]["kind"]
    assert page.text("#sentence") == (
        f"Last night 40 documents of {kind} came and are served by the frozen encoder."
    )
    assert "version 3 live" in page.text("#live")


def test_all_batches_of_a_night_are_told_together(
    open_page: Callable[[Path], Reader], grown_store: Path, tmp_path: Path
) -> None:
    store = Store.open(shutil.copytree(grown_store, tmp_path / "grown"))
    parts = {"a": range(340, 360), "b": range(360, 370)}
    gone: list[dict[str, object]] = [{"_id": "sea-1", "_deleted": True}]
    update(
        store,
        [
            worlds.write_batch(tmp_path / name, "sea", numbers, queries=False, extra=gone)
            for name, numbers in parts.items()
        ],
    )
    page = open_page(store.root)
    kind = page.json("/versions")[-1]["outcomes"][0]["kind"]
    assert page.text("#sentence") == (
        f"Last night 30 documents of {kind} came and are served by the frozen encoder; "
        "1 document was taken out."
    )


def test_whoever_waited_for_a_later_batch_of_the_night_waits_no_more(
    open_page: Callable[[Path], Reader], grown_store: Path, tmp_path: Path
) -> None:
    store = Store.open(shutil.copytree(grown_store, tmp_path / "grown"))
    parts = {"a": range(60), "b": range(60, 150)}
    batches = [worlds.write_batch(tmp_path / n, "ore", numbers) for n, numbers in parts.items()]
    update(store, batches, settings=Settings(train_minutes=1))
    page = open_page(store.root)
    kinds = [version["outcomes"] for version in page.json("/versions")[-2:]]
    assert [[one["outcome"] for one in outcomes] for outcomes in kinds] == [["wait"], ["spawn"]]
    assert page.text("#sentence").startswith("Last night 150 documents of a new kind, ")


def test_a_night_of_several_parts_and_long_ago(
    open_page: Callable[[Path], Reader], busy_store: Path
) -> None:
    told = open_page(busy_store).text("#sentence")
    gain = r"\(\+\d+\.\d points of nDCG@10\)"
    part = rf"240 of a new kind, [\w-]+, were given an expert of their own, e1 {gain}"
    when = r"In the last night, \d+ d( \d+ h)? ago"
    came = "240 documents came, 240 had waited"
    assert re.fullmatch(rf"{when}, {came}: {part}, and {part}\.", told), told


def test_growth_has_the_figures_of_history(page: Reader) -> None:
    columns = ("version", "documents", "experts", "expert_parameters")
    assert page.texts("#growth :is(tbody th, tbody td)") == [
        f"{one[name]:,}" for one in reversed(page.json("/versions")) for name in columns
    ]
    assert len(page.all("#growth svg[role=img] desc")) == 3


def test_the_slider_tells_the_figures_of_the_version_it_stands_on(page: Reader) -> None:
    slider = page.one("#looked-at")
    slider.send_keys(Keys.HOME)
    first, second, _ = page.json("/versions")
    assert page.texts("#growth .readout") == [f"{first['documents']}", "0", "0"]
    slider.send_keys(Keys.ARROW_RIGHT)
    assert page.texts("#growth .readout")[:2] == [f"{second['documents']}", "1"]
    assert "version 2" in page.text(".looked-at")
    assert f"{second['documents']} documents" in str(slider.get_attribute("aria-valuetext"))


def test_layers_are_drawn_as_the_nights_saw_them(page: Reader) -> None:
    seen = [page.json(f"/versions/{version}")["facts"]["detection"] for version in (2, 3)]
    assert [one["new"] for one in seen] == [True, False]
    drawn = [bar.get_attribute("data-value") for bar in page.all("#layers .plot .bar")]
    by_layer = zip(*(one["drift"] for one in seen), strict=True)
    assert drawn == [f"{int(100 * share + 0.5)} %" for layer in by_layer for share in layer]
    assert len(page.all("#layers .marks path")) == 1
    assert page.text("#layers .threshold") == "threshold 10 %"


def test_the_gate_shows_what_was_gained_and_what_others_would_have_lost(page: Reader) -> None:
    (judged,) = [one for one in page.json("/versions")[1]["outcomes"] if one["gate"]]
    gate = judged["gate"]
    assert page.text("#gate td.own b") == f"{100 * gate['gain']:+.1f}"
    assert page.text("#gate thead th:nth-child(2)") == f"v2{judged['expert']}spawn"
    assert [gate["queries"]] == [
        int(cell) for cell in page.texts("#gate tfoot tr:last-child td") if cell.isdigit()
    ]
    sea = page.texts("#gate tbody tr:first-child td")
    assert len(sea) == 1
    assert f"{abs(100 * gate['losses']['k1'][0]):.1f}" in sea[0]


def test_a_version_tells_what_it_changed(page: Reader) -> None:
    assert page.texts("#versions [data-version] th b") == ["3", "2", "1"]
    page.one("[aria-controls=changed-2]").click()
    page.wait_for("#changed-2 .difference")
    told = page.text("#changed-2")
    assert "240 documents added" in told
    assert "expert e1 serves now" in told
    page.one("[aria-controls=changed-2]").click()
    assert not page.one("#changed-2").is_displayed()


def test_an_experts_card_tells_where_it_comes_from(page: Reader) -> None:
    (expert,) = page.json("/experts")
    card = page.text("#expert-e1")
    assert f"{100 * expert['gate']['gain']:+.1f} points" in card
    assert "240 documents: 240 in version 2" in card
    assert f"{expert['gate']['better']} better, {expert['gate']['worse']} worse" in card
    assert f"{expert['parameters']:,} weights" in card
    assert all(term in card for term in expert["serves"][0].split("-"))


def test_an_experts_card_tells_its_traffic(page: Reader) -> None:
    assert "nothing was asked since" in page.text("#expert-e1")
    page.asked([worlds.query("law", number) for number in range(3)] + [worlds.query("sea", 5)])
    page.open()
    seen = page.json("/traffic")
    assert (seen["queries"], seen["by_expert"]["e1"]) == (4, 3)
    assert "a say in 3 of 4 queries since" in page.text("#expert-e1")


def test_a_store_without_a_night_says_so(
    open_page: Callable[[Path], Reader], first_store: Path
) -> None:
    page = open_page(first_store)
    assert page.text("#sentence").startswith("No night has been lived through yet")
    assert "no second version yet" in page.text("#versions")
    assert "No night has been looked at yet" in page.text("#layers")
    assert "Nothing has been judged yet" in page.text("#gate")
    assert "No expert yet" in page.text("#experts")
    assert not page.one("[name=beside]").is_enabled()
    assert not page.all("#versions .acts button:nth-child(2)")
    assert page.complaints() == []


def test_a_long_history_is_unfolded_bit_by_bit(
    open_page: Callable[[Path], Reader], busy_store: Path
) -> None:
    page = open_page(busy_store)
    assert len(page.all("#versions [data-version]")) == 30
    page.one("[data-room=versions] > button").click()
    assert page.texts("#versions [data-version] th b")[-1] == "1"
    assert not page.all("[data-room=versions] > button")
    assert len(page.all("#gate thead th")) == 1 + 81


def test_a_version_that_came_meanwhile_is_offered(page: Reader) -> None:
    rollback(page, b'{"version": 1, "reason": "elsewhere"}')
    page.driver.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for("#said button", "Show it")
    assert "Version 4 has come" in page.text("#said")
    assert "version 3 live" in page.text("#live")
    page.one("#said button").click()
    page.wait_for(".since", "rollback (version 4), to version 1: elsewhere")
    assert "version 4 live" in page.text("#live")
