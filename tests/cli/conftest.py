"""The command, run in this process: what it prints where, and how it exits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import worlds
from crashing import typed

from flows.mirror import Mirrored
from nightshift.cli import main, output


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type `nightshift` and these words. MLflow is told nothing: that takes seconds a command, and
    has tests of its own."""
    monkeypatch.setattr("flows.mirror.mirror", lambda store: Mirrored((), (), None))

    def typed(*words: object) -> Result:
        monkeypatch.setattr("sys.argv", ["nightshift", *map(str, words)])
        monkeypatch.setattr(output, "debugging", False)
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main.run()
        printed = capsys.readouterr()
        return Result(int(leaving.value.code or 0), printed.out, printed.err)

    return typed


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return worlds.save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def first_store(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path) -> Path:
    """A folder with a corpus and its store of 60 documents, made by `init`."""
    folder = tmp_path_factory.mktemp("first")
    corpus = worlds.write_batch(folder / "corpus", "sea", range(60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.mirror.mirror", lambda store: Mirrored((), (), None))
        words = ["--corpus", corpus, "--encoder", encoder_folder, "--store", folder / "store"]
        code, said = typed("init", *words)
    assert code == 0, said
    return folder


@pytest.fixture
def store(first_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That store as this test's own; NIGHTSHIFT_STORE names it."""
    shutil.copytree(first_store, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("NIGHTSHIFT_STORE", str(tmp_path / "store"))
    return tmp_path / "store"
