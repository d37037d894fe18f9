"""A hub of models that lies in a folder, and whose makers may change what they published."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError

FIRST, SECOND = "1" * 40, "2" * 40


class Hub:
    """Takes the place of the hub's client at the rim: what it downloads lies in a real cache."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.main: dict[str, str] = {}
        self.asked = 0
        """How often the network would have been."""
        self.reachable = True
        self.whole: set[str] = set()
        """Commits that were downloaded whole: the client asks nobody about these again."""
        patch.setattr(huggingface_hub, "snapshot_download", self._download)

    def publish(self, name: str, folder: Path, commit: str) -> None:
        shutil.copytree(folder, self.root / "far" / commit)
        self.main[name] = commit

    def forget(self) -> None:
        """What was downloaded is lost."""
        shutil.rmtree(self.root / "near")
        self.whole.clear()

    def _download(
        self,
        name: str,
        *,
        revision: str | None = None,
        local_files_only: bool = False,
        allow_patterns: list[str] | None = None,
    ) -> str:
        near = self.root / "near"
        if not local_files_only and revision not in self.whole:
            self.asked += 1
            if self.reachable and name in self.main:
                commit = revision or self.main[name]
                shutil.copytree(self.root / "far" / commit, near / commit, dirs_exist_ok=True)
                self.whole.add(commit)
        found = near / (revision or self.main.get(name, "nothing"))
        if not found.is_dir():
            raise LocalEntryNotFoundError("it is not there")
        return str(found)


def cached(root: Path, name: str, folder: Path, commit: str, patch: pytest.MonkeyPatch) -> None:
    """A model in the client's own cache, as its own download would have left it."""
    home = root / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    patch.setattr(constants, "HF_HUB_CACHE", str(root))
