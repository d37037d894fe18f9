"""Files from elsewhere, brought to this machine for as long as they are read.

Whatever fsspec knows is a place: s3://, gs://, https://, memory://, file://. Some protocols need a
package of their own. Only what can be imported is copied, and under no name that leads elsewhere.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from nightshift.errors import BatchError, UsageError
from pipeline.formats import RECORDS, TEXTS
from pipeline.pdf import PDF

WANTED = (*RECORDS, *TEXTS, PDF, ".arrow", ".json", "train.tsv")
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
"""Protocols whose package is an extra of ours."""


def is_remote(source: str) -> bool:
    """
    >>> is_remote("s3://bucket/corpus"), is_remote("corpus/monday")
    (True, False)
    """
    return "://" in source


@contextmanager
def at_hand(source: str) -> Iterator[Path]:
    """A path on this machine with what is at `source`, which is a path or an address."""
    if not is_remote(source):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield _fetched(source, Path(folder))


def _fetched(address: str, folder: Path) -> Path:
    system, path = _opened(address)
    try:
        return _copied(system, path, address, folder)
    except (BatchError, UsageError):
        raise
    except FileNotFoundError as error:
        raise BatchError(f"there is nothing at {address}") from error
    except OSError as error:
        if error.filename and Path(str(error.filename)).is_relative_to(folder):
            raise
        raise _unreachable(address, error) from error
    except Exception as error:  # every protocol has errors of its own
        raise _unreachable(address, error) from error


def _copied(system: Any, path: str, address: str, folder: Path) -> Path:
    if system.isfile(path):
        target = folder / _name(path)
        _copy(system, path, target)
        return target
    found = [str(name) for name in system.find(path)]
    inside = {name: PurePosixPath(name.removeprefix(path).lstrip("/")) for name in found}
    wanted = {name: place for name, place in inside.items() if name.lower().endswith(WANTED)}
    if not wanted:
        raise BatchError(f"there is nothing at {address} that can be imported")
    target = folder / _name(path)
    for name, place in wanted.items():
        if place.is_absolute() or ".." in place.parts:
            raise BatchError(f"{address} holds a name that leads elsewhere: {name!r:.80}")
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        _copy(system, name, target / place)
    return target


def _copy(system: Any, path: str, target: Path) -> None:
    with system.open(path, "rb") as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 2**20)


def _name(path: str) -> str:
    """The last part of an address, without a question that may follow it.

    >>> _name("https://example.org/data/pages.csv?key=1"), _name("bucket/")
    ('pages.csv', 'bucket')
    """
    name = PurePosixPath(path.split("?")[0].rstrip("/")).name
    return name if name not in ("", ".", "..") else "import"


def _opened(address: str) -> tuple[Any, str]:
    import fsspec.core

    protocol = address.split("://")[0]
    try:
        system, path = fsspec.core.url_to_fs(address)
        return system, str(path)
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        install = f"'nightshift[{extra}]'" if extra else str(getattr(error, "name", None) or "it")
        raise UsageError(
            f"{protocol}:// is read by a package that is not installed ({error})",
            hint=f"pip install {install}",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{protocol}:// is no way to files that fsspec knows",
            hint="nightshift import PATH, or an address with s3://, gs://, https://",
        ) from error
    except Exception as error:  # a protocol that is there, and cannot begin
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> BatchError:
    told = " ".join(str(error).split())[:200] or type(error).__name__
    return BatchError(f"{address} cannot be read: {told}")
