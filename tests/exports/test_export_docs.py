"""docs/exports.md: every command in it works, and so does the example after them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

PAGE = Path(__file__).parents[2].joinpath("docs", "exports.md").read_text("utf-8")


def commands() -> list[list[str]]:
    lines = re.findall(r"^\$ nightshift (.*)$", PAGE, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_page_works_from_top_to_bottom(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in commands():
        code, said, wrong = run(*words)
        assert code == 0, wrong
        assert f"{words[words.index('--out') + 1]}: version" in said
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict[str, object] = {}
    exec(compile(example, "exports.md", "exec"), made)
    assert len(made["hits"]) == 5  # type: ignore[arg-type]


def test_what_the_command_prints(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("export", "peft", "--out", tmp_path / "a", "--json")
    page = json.loads(said)
    assert code == 0
    assert (page["format"], page["version"]) == ("peft", 3)
    assert "e1/head.safetensors" in page["files"]
    code, _, said = run("export", "peft", "--out", tmp_path / "a")
    assert code == 2
    assert "exists already" in said
    assert "the same command with" in said
    code, _, said = run("export", "onnx", "--out", tmp_path / "b")
    assert code == 2
    assert "sentence-transformers" in said
