"""Somewhere for nights to come by themselves: a store, an MLflow that is ready, an empty inbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import worlds

from flows.bootstrap import bootstrap


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> Path:
    """Version 1 of its store holds 300 documents about the sea."""
    folder = tmp_path_factory.mktemp("shift")
    corpus = worlds.write_batch(folder / "corpus", "sea", range(300))
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    bootstrap(folder / "store", [corpus], encoder=str(encoder))
    (folder / "store" / "mlflow").mkdir()
    shutil.copy(empty_mlflow, folder / "store" / "mlflow" / "mlflow.db")
    (folder / "inbox").mkdir()
    return folder
