"""The command, run in this process: what it prints where, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import worlds

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


@pytest.fixture
def store(run: Run, tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of 60 documents, made by `init`; NIGHTSHIFT_STORE names it."""
    corpus = worlds.write_batch(tmp_path / "corpus", "sea", range(60))
    monkeypatch.setenv("NIGHTSHIFT_STORE", str(tmp_path / "store"))
    result = run("init", "--corpus", corpus, "--encoder", encoder_folder)
    assert result.code == 0, result.err
    return tmp_path / "store"
