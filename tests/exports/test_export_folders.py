"""An export is a new folder, there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from exporting import exported

from flows.live import Live
from nightshift.errors import UsageError
from nightshift.exports import formats
from nightshift.exports.base import Told
from state.store import Store


def test_nothing_is_overwritten(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is written before that is known: an export may take minutes."""
    monkeypatch.setattr(formats, "FORMATS", {"vectors": None})
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists already") as refused:
        exported(store, "vectors", tmp_path / "out")
    assert "out-2" in str(refused.value)
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(UsageError, match="exists already") as refused:
        exported(store, "vectors", Path("."))
    assert refused.value.hint == f"the same command with {tmp_path / 'out'}-2"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists already"):
        exported(store, "vectors", tmp_path / "link")


def test_a_folder_is_there_as_a_whole_or_not_at_all(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(live: Live, folder: Path, expert: str | None) -> Told:
        (folder / "half").write_text("half")
        assert not (tmp_path / "deep" / "out").exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(formats, "FORMATS", {"vectors": torn})
    with pytest.raises(OSError, match="No space"):
        exported(store, "vectors", tmp_path / "deep" / "out")
    assert os.listdir(tmp_path / "deep") == []


def test_somebody_elses_folder_of_the_same_moment_is_left_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(live: Live, folder: Path, expert: str | None) -> Told:
        (tmp_path / "out").mkdir()
        return Told("", "")

    monkeypatch.setattr(formats, "FORMATS", {"vectors": late})
    with pytest.raises(UsageError, match="exists already"):
        exported(store, "vectors", tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == []


def test_what_a_format_cannot_hold_is_refused(store: Store, tmp_path: Path) -> None:
    refusals = {
        ("sentence-transformers", "e2"): "no updates of weights to merge",
        ("sentence-transformers", "e9"): "no kind is served by 'e9'",
        ("peft", "e9"): "experts that serve: e1, e2",
        ("vectors", "e1"): "no expert's",
        ("faiss", "e1"): "no expert's",
        ("onnx", None): "no format 'onnx'",
    }
    for (format, expert), said in refusals.items():
        with pytest.raises(UsageError, match=said) as refused:
            exported(store, format, tmp_path / "out", expert)
        assert refused.value.hint
    assert os.listdir(tmp_path) == []
