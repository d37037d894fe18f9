"""Published systems as settings of the product, without its gate: none of them has one.

What is theirs is how experts are made, composed and asked for. When an expert is grown is decided
by our detector for all of them: none says how it would know. Keyword search is left out, experts
are on the query side, and documents never move.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.settings import QUERY

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "dar": {"router": "margin", "compose": "blend", "side": QUERY},
}
ABOUT = {
    "dar": "DAR (arXiv 2605.31229): the nearest prototype's LoRA, or the two nearest merged",
}
