"""The demo's folder: made new, never on top of anything that somebody else left there."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from nightshift.errors import UsageError

MARK = "demo.json"
MADE_BY = "nightshift demo"


@dataclass(frozen=True)
class Playground:
    """`nights/` holds the deliveries, `store/` the index."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def nights(self) -> Path:
        return self.root / "nights"

    @classmethod
    def make(cls, root: Path, *, fresh: bool = False) -> Self:
        """Claim `root`; an earlier demo there is only replaced on request, or if it broke off."""
        mark = _mark(root)
        if mark is None and root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UsageError(
                f"{root} is there already and no demo made it",
                hint="nightshift demo --dir A_NEW_FOLDER",
            )
        if mark and mark["finished"] and not fresh:
            raise UsageError(
                f"{root} holds the demo as you left it",
                hint=f"nightshift demo --fresh --dir {shlex.quote(str(root))}, to start over",
            )
        playground = cls(root)
        for part in (playground.store, playground.nights):
            shutil.rmtree(part, ignore_errors=True)
        root.mkdir(parents=True, exist_ok=True)
        playground._write(finished=False)
        return playground

    def finish(self) -> None:
        """From now on the folder is the user's."""
        self._write(finished=True)

    def _write(self, *, finished: bool) -> None:
        page = {"made_by": MADE_BY, "finished": finished}
        (self.root / MARK).write_text(json.dumps(page) + "\n", "utf-8")


def _mark(root: Path) -> dict[str, Any] | None:
    try:
        page = json.loads((root / MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return page if isinstance(page, dict) and page.get("made_by") == MADE_BY else None
