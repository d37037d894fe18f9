"""HTML pages: what a reader sees of them, in linear time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch import read_batch
from pipeline.pages import read_page


def test_a_page_is_its_title_and_its_visible_text(tmp_path: Path) -> None:
    (tmp_path / "sea.HTML").write_text(
        "<!DOCTYPE html><html><head><title>Low &amp; high\n tide</title><style>p{}</style></head>"
        "<body><!-- <p>unseen --><h1>Sea</h1><p>The <b>mo</b>on\n pulls.<p>x &lt; y < z"
        "<SCRIPT>if (a<b) {'<p>unseen'}</SCRIPT ><noscript>unseen</noscript><br/>End.</body></html>"
    )
    batch = read_batch(tmp_path)
    [document] = batch.documents
    assert (batch.snapshot, document.id) == (True, "sea.HTML")
    assert document.title == "Low & high tide"
    assert document.text.split() == [
        "Sea",
        "The",
        "moon",
        "pulls.",
        "x",
        "<",
        "y",
        "<",
        "z",
        "End.",
    ]
    assert "moon pulls." in document.text.replace("\n", " ")


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<h1>Low <i>tide</i></h1><h1>Later</h1>", "Low tide"),
        ("<p>words", "page"),
        ("<title> </title><h1>Sea</h1>", "Sea"),
    ],
)
def test_without_a_title_the_heading_counts_and_then_the_name(
    tmp_path: Path, page: str, title: str
) -> None:
    (tmp_path / "page.htm").write_text(page)
    [document] = read_batch(tmp_path).documents
    assert document.title == title


def test_a_page_without_visible_text_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "empty.html").write_text("<title>Tides</title><script>let a = 1</script>")
    (tmp_path / "sand.md").write_text("Sand.")
    [entry] = read_batch(tmp_path).quarantined
    assert (entry.where, entry.reason) == ("empty.html", "the file is empty")


@pytest.mark.parametrize(
    "evil", ["<a ", "<!--", "<![", "<a b='", "&#9", "</", "<script>", "<svg>", "<", "<?", "<div>"]
)
def test_a_hostile_page_takes_no_longer_than_any_other(evil: str) -> None:
    """html.parser needs minutes for some of these."""
    started = time.process_time()
    read_page(evil * 100_000)
    assert time.process_time() - started < 10


def test_numbers_without_end_are_no_character() -> None:
    assert read_page("&#" + "9" * 10_000 + ";")[1] == "\ufffd"


@given(st.text(alphabet="<>/!-&#x;'\"= \nabch1titlescriptsvg", max_size=80))
def test_any_page_is_read(page: str) -> None:
    title, text = read_page(page)
    assert title.strip() == title
    assert text.strip() == text
