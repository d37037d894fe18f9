"""A journal holds whole lines, also where the disk ends in the middle of one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nightshift.server import journal
from nightshift.server.journal import Journal

LINE = {"query": "low tide"}


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(journal.os, "write", lambda where, page: whole(where, page[:7]))
    assert Journal(tmp_path / "log").write([LINE, LINE])
    monkeypatch.undo()
    kept = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["query"] for line in kept] == ["low tide"] * 2


def test_half_a_line_is_taken_back_and_not_told_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log"
    held, whole = Journal(file), os.write
    assert held.write([LINE])
    before = file.read_bytes()

    def full(where: int, page: bytes) -> int:
        if file.stat().st_size > len(before):
            raise OSError(28, "No space left on device")
        return whole(where, page[:7])

    monkeypatch.setattr(journal.os, "write", full)
    assert not held.write([LINE])
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert "No space left on device" in capsys.readouterr().err
    assert held.write([LINE])
    assert len([json.loads(line) for line in file.read_text().splitlines()]) == 2
