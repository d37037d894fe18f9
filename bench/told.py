"""How a benchmark tells its result: JSON on stdout, and in a file where one is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def tell(page: Any, out: Path | None) -> None:
    text = json.dumps(page, indent=2) + "\n"
    if out:
        out.write_text(text, "utf-8")
    print(text, end="")
