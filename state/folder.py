"""A new folder that is there as a whole or not at all."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightshift.errors import UsageError
from state import durable


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `path` once all is written; nothing is ever replaced.

    A kill may leave a folder `.NAME....part` beside it, which no reader takes for the whole.
    """
    if os.path.lexists(path):
        raise _exists(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{path.name}.", suffix=".part", dir=path.parent, ignore_cleanup_errors=True
    ) as beside:
        folder = Path(beside, path.name)
        # Unlike the temporary one, with the permissions that this user's folders have.
        folder.mkdir()
        yield folder
        for entry in sorted(folder.rglob("*"), reverse=True):
            durable.sync(entry)
        durable.sync(folder)
        try:
            if os.path.lexists(path):
                raise _exists(path)
            os.rename(folder, path)
        except OSError as error:
            if path.exists():
                raise _exists(path) from error
            raise
        durable.sync(path.parent)


def copy_file(source: Path, target: Path) -> None:
    """The bytes alone: a store's files are its owner's, a copy is as readable as any new file."""
    shutil.copyfile(source, target)


def _exists(path: Path) -> UsageError:
    other = f"{path if path.name else os.path.abspath(path)}-2"
    return UsageError(
        f"{path} exists already, and nothing is overwritten",
        hint=f"the same command with {shlex.quote(other)}",
    )
