"""The demo's folder: nothing that somebody else left there is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.demo.playground import Playground
from nightshift.errors import UsageError


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    playground = Playground.make(tmp_path / "a" / "demo")
    assert playground.root.is_dir()
    assert not playground.store.exists()


def test_a_folder_of_somebody_else_is_refused_even_when_asked_to_start_over(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mine").write_text("mine")
    for fresh in (False, True):
        with pytest.raises(UsageError, match="no demo made it"):
            Playground.make(tmp_path, fresh=fresh)
    assert (tmp_path / "store" / "mine").read_text() == "mine"


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(UsageError):
        Playground.make(tmp_path / "demo")


def test_a_finished_demo_is_replaced_only_on_request(tmp_path: Path) -> None:
    playground = Playground.make(tmp_path / "demo")
    playground.store.mkdir()
    (playground.root / "notes").write_text("mine")
    playground.finish()
    with pytest.raises(UsageError, match="as you left it") as refused:
        Playground.make(tmp_path / "demo")
    assert "--fresh" in str(refused.value.hint)
    assert playground.store.exists()
    Playground.make(tmp_path / "demo", fresh=True)
    assert not playground.store.exists()
    assert (playground.root / "notes").read_text() == "mine"


def test_a_demo_that_broke_off_starts_over(tmp_path: Path) -> None:
    Playground.make(tmp_path / "demo").nights.mkdir()
    assert not Playground.make(tmp_path / "demo").nights.exists()
