"""Imports from addresses: read like paths, and refused in a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from importing import EXPECTED, ROWS, brought, dataset, lines, told, wanted

from flows.bring import bring
from nightshift.errors import BatchError, NightshiftError


@pytest.fixture
def memory() -> Iterator[Any]:
    """A place that is not on the disk."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_addresses_are_read_like_paths(memory: Any, tmp_path: Path) -> None:
    memory.pipe("/shop/a.jsonl", json.dumps(ROWS[0]).encode())
    memory.pipe("/shop/b.jsonl", json.dumps(ROWS[1]).encode())
    memory.pipe("/shop/model.bin", b"\0" * 99)
    _, batch = brought("memory://shop", tmp_path / "out", wanted())
    assert told(batch) == EXPECTED
    single = bring("memory://shop/a.jsonl", None, wanted())
    assert [d.id for d in single.first] == ["1"]
    file = lines(tmp_path / "c.jsonl", ROWS)
    assert told(brought(f"file://{file}", tmp_path / "out2", wanted())[1]) == EXPECTED
    folder = dataset(tmp_path / "d", ROWS)
    assert told(brought(f"file://{folder}", tmp_path / "out3", wanted())[1]) == EXPECTED
    assert bring(f"file://{folder}/", None, wanted()).documents == 2
    into = tmp_path / "inbox"
    into.mkdir()
    written = bring("memory://shop/a.jsonl", into, wanted()).folder
    assert written == into / "a"


def test_an_address_cannot_lead_out_of_its_folder(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe("/shop/a.jsonl", b"{}")
    monkeypatch.setattr(type(memory), "find", lambda self, path: ["/shop/../../../evil.jsonl"])
    with pytest.raises(BatchError, match="leads elsewhere"):
        bring("memory://shop", None)


def test_an_address_that_fails_is_one_sentence(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    refusals: dict[str, str] = {
        "memory://nothing": "nothing at memory://nothing",
        "nosuch://bucket/x": "no way to files",
        "s3://bucket/x": "not installed",
        f"file://{tmp_path}/nowhere.jsonl": "nothing at",
    }
    for address, said in refusals.items():
        with pytest.raises(NightshiftError, match=said) as refused:
            bring(address, None)
        if address.startswith("s3"):
            assert refused.value.hint == "pip install 'nightshift[s3]'"
    memory.pipe("/shop/a.jsonl", b"{}")

    def broken(self: Any, *path: object, **more: object) -> None:
        raise RuntimeError("the line is dead")

    monkeypatch.setattr(type(memory), "_open", broken)
    with pytest.raises(BatchError, match="the line is dead"):
        bring("memory://shop/a.jsonl", None)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(BatchError) as refused:
        bring(f"file://{tmp_path}/d", None)
    assert f"import file://{tmp_path}/d/train" in str(refused.value)
    assert refused.value.message == f"file://{tmp_path}/d holds several splits: train"
