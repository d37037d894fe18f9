"""The search box: passages, the route, both legs, and two versions side by side."""

from __future__ import annotations

import worlds
from page_reader import Reader

ABOUT_LAW = worlds.query("law", 7)


def test_a_hit_shows_passage_route_and_legs(page: Reader) -> None:
    page.search(ABOUT_LAW)
    assert len(page.all(".hits li")) == 10
    assert page.text(".route").startswith("Asked by e1 ")
    legs = page.text(".hits li .legs")
    assert "vectors #" in legs
    assert "words #" in legs
    assert "law-7" in page.texts(".hits .title")
    assert set(page.text(".hits .passage").split()) & {
        word for part in worlds.vocabulary("law").values() for word in part
    }
    assert "10 documents from version 3" in page.text("#search [role=status]")


def test_one_leg_alone_has_no_share(page: Reader) -> None:
    page.one("[name=leg] option[value=lexical]").click()
    page.search(ABOUT_LAW)
    assert "words count" not in page.text(".route")
    assert "vectors" not in page.text(".hits .legs")


def test_two_versions_stand_side_by_side_with_what_moved(page: Reader) -> None:
    page.search(ABOUT_LAW, beside=1)
    assert page.texts(".column h3") == ["Version 3", "Version 1"]
    assert page.texts(".route")[1].startswith("Asked by the frozen encoder 100 %")
    assert set(page.texts(".column:nth-child(1) .moved")) != set()
    found = [_ranks(page, version) for version in (3, 1)]
    for column, (mine, others) in enumerate([found, found[::-1]], start=1):
        marks = page.texts(f".column:nth-child({column}) .moved")
        assert [mark.split()[0] for mark in marks] == [
            _mark(rank, others.get(id_)) for id_, rank in mine.items()
        ]


def test_the_same_documents_move_between_versions(page: Reader) -> None:
    page.search(worlds.query("sea", 5), beside=2)
    marks = page.texts(".column:nth-child(1) .moved")
    assert any(mark.startswith("=") for mark in marks)


def test_a_question_that_the_service_refuses_is_told_with_what_to_try(page: Reader) -> None:
    page.driver.execute_script("document.querySelector('[name=k] option').value = 0")
    page.one("[name=k] option").click()
    page.search("sea")
    assert page.all(".results .refusal[role=alert]")
    assert page.texts(".results .refusal code") == ["GET /openapi.json"]


def test_a_service_that_is_gone_is_told_too(page: Reader) -> None:
    page.driver.execute_script("window.fetch = () => Promise.reject(new TypeError('gone'))")
    page.search("sea")
    assert page.text(".results .refusal p") == "the service does not answer"
    assert page.text(".results .refusal code") == "nightshift serve"


def _ranks(page: Reader, version: int) -> dict[str, int]:
    """Rank by id, past the page."""
    found = page.driver.execute_async_script(
        """
        const [query, version, done] = arguments;
        fetch("/search", {method: "POST", headers: {"Content-Type": "application/json"},
          body: JSON.stringify({query, version})}).then((answer) => answer.json()).then(done);
        """,
        ABOUT_LAW,
        version,
    )
    return {hit["id"]: hit["rank"] for hit in found["answers"][0]["hits"]}


def _mark(rank: int, there: int | None) -> str:
    if there is None:
        return "only"
    return "=" if there == rank else "▲" if there > rank else "▼"
