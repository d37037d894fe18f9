"""A page of JSON that vouches for itself, for the few files that no manifest names.

A sealed file is replaced as a whole and holds the hash of its own page: a flipped bit is damage,
never another meaning.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from nightshift.errors import StoreDamaged
from state import durable


def write(path: Path, page: Any) -> None:
    """Replace `path`, and let the new page outlive a power cut; its folder is made if need be."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700)
        durable.sync(path.parent.parent)
    durable.replace(path, _sealed(page))


def read(path: Path, otherwise: Any = None) -> Any:
    """The page at `path`, `otherwise` where there is no file; StoreDamaged if its seal is broken.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "facts"), {"tides": 2})
    ...     read(Path(folder, "facts")), read(Path(folder, "nothing"), {})
    ({'tides': 2}, {})
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return otherwise
    try:
        page = json.loads(data)["page"]
        if data == _sealed(page):
            return page
    except (ValueError, TypeError, KeyError):
        pass
    raise StoreDamaged(f"{path.name} is damaged: {BROKEN}", hint="nightshift verify")


BROKEN = "its bytes are not what was written"


def _sealed(page: Any) -> bytes:
    plain = json.dumps(page, sort_keys=True)
    seal = hashlib.sha256(plain.encode()).hexdigest()
    return f'{{"sha256": "{seal}", "page": {plain}}}\n'.encode()
