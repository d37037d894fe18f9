"""nightshift: a retrieval index that learns at night.

The names below load on first use, so that `import nightshift` and the command's help stay quick.
"""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightshift.index import Index, open_index

__all__ = ["Index", "__version__", "open_index"]
__version__ = _version("nightshift")


def __getattr__(name: str) -> Any:
    if name in {"Index", "open_index"}:
        from nightshift import index

        return getattr(index, name)
    raise AttributeError(f"module 'nightshift' has no attribute {name!r}")
