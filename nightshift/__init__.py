"""nightshift: a retrieval index that learns at night.

The names below load on first use, so that `import nightshift` and the command's help stay quick.
"""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightshift.index import Answer, Hit, Index
    from nightshift.index import open_index as open

__all__ = ["Answer", "Hit", "Index", "__version__", "open"]
_FROM_INDEX = {"open": "open_index", "Index": "Index", "Answer": "Answer", "Hit": "Hit"}
__version__ = _version("nightshift")


def __getattr__(name: str) -> Any:
    if name in _FROM_INDEX:
        from nightshift import index

        return getattr(index, _FROM_INDEX[name])
    raise AttributeError(f"module 'nightshift' has no attribute {name!r}")
