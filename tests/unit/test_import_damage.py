"""PDF files and saved datasets that are broken: a reason each, and never worse."""

from __future__ import annotations

import builtins
import random
from pathlib import Path
from typing import Any

import pytest
from importing import brought, dataset, lines, pdf

from flows.bring import bring
from nightshift.errors import BatchError, UsageError

POISON = {
    "empty.pdf": (b"", "not a PDF file"),
    "text.pdf": (b"Low tide", "not a PDF file"),
    "cut.pdf": (pdf("Low tide")[:60], "not a PDF file"),
    "blank.pdf": (pdf(""), "no text in it"),
    "circle.pdf": (pdf("Low").replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"), "a damaged one|no text"),
    "locked.pdf": (pdf("Low tide", more=b"/Encrypt 3 0 R"), "damaged one|password"),
}


@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_pdf_keeps_nobody_from_the_others(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "notes"
    source.mkdir()
    data, _ = POISON[name]
    (source / name).write_bytes(data)
    (source / "sound.pdf").write_bytes(pdf("Low tide"))
    done, batch = brought(source, tmp_path / "out")
    assert [d.id for d in batch.documents] == ["sound.pdf"]
    [entry] = done.left_out
    assert entry.where == name
    assert any(said in entry.reason for said in POISON[name][1].split("|"))


def test_no_damage_to_a_pdf_is_worse_than_a_reason(tmp_path: Path) -> None:
    whole, choose = pdf("Low tide", "High tide", title="Tides"), random.Random(0)
    source = tmp_path / "notes"
    source.mkdir()
    (source / "sound.txt").write_text("sound")
    for _ in range(60):
        data = bytearray(whole)
        for place in choose.sample(range(len(data)), 8):
            data[place] = choose.randrange(256)
        (source / "a.pdf").write_bytes(bytes(data))
        done = bring(str(source), None)
        assert done.documents + len(done.left_out) == 2


def test_without_pypdf_one_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("Low tide"))
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pypdf":
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match="not installed") as refused:
        bring(str(tmp_path / "a.pdf"), None)
    assert refused.value.hint == "pip install 'nightshift[pdf]'"


def test_a_dataset_of_several_splits_says_which(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    dataset(tmp_path / "d" / "train", [{"id": "1", "text": "Low tide"}])
    with pytest.raises(BatchError, match="splits: train, test") as refused:
        bring(str(tmp_path / "d"), None)
    assert str(tmp_path / "d" / "train") in str(refused.value)
    assert bring(str(tmp_path / "d" / "train"), None).documents == 1


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("[", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no document|nothing"),
        ('{"_data_files": [{"filename": "../x.arrow"}]}', "outside of its folder"),
        ('{"_data_files": [{"filename": 7}]}', "the file is not there"),
        ('{"_data_files": [7]}', "no document|nothing"),
        ('{"_data_files": [], "_indices_data_files": [1]}', "selection of rows"),
    ],
)
def test_a_state_that_cannot_be_right(state: str, said: str, tmp_path: Path) -> None:
    lines(tmp_path / "x.arrow", [])
    folder = dataset(tmp_path / "d", [{"id": "1", "text": "Low tide"}])
    (folder / "state.json").write_text(state)
    with pytest.raises(BatchError) as refused:
        bring(str(folder), None)
    assert any(part in str(refused.value) for part in said.split("|"))


def test_no_damage_to_an_arrow_file_is_worse_than_a_reason(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": f"tide {n}", "deep": {"a": [n]}} for n in range(100)]
    folder, choose = dataset(tmp_path / "d", rows), random.Random(0)
    [file] = folder.glob("*.arrow")
    whole = file.read_bytes()
    for turn in range(150):
        data = bytearray(whole)
        if turn % 3:
            for place in choose.sample(range(len(data)), 3):
                data[place] = choose.randrange(256)
        else:
            del data[choose.randrange(len(data)) :]
        file.write_bytes(bytes(data))
        try:
            done = bring(str(folder), None)
        except BatchError:
            continue
        assert done.documents <= 100
