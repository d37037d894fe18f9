"""What MLflow has still to be told: the versions of history that have no receipt.

    outbox/00000042.json    version 42 was told, where, and as which run
    outbox/lock             held by the one process that is telling

Nothing is queued, so nothing can be lost: a kill between publishing and telling leaves a version
without a receipt, and the next one to look finds it. The lock is not the store's own, so that an
MLflow that hangs never keeps a night from being published.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nightshift.errors import StoreBusy, StoreError
from state import durable, lock
from state.manifest import Manifest, digest
from state.store import Store

FOLDER = "outbox"


@dataclass(frozen=True)
class Destination:
    """Where MLflow is; `artifacts` is None where a server decides about that itself."""

    uri: str
    artifacts: Path | None

    @property
    def digest(self) -> str:
        """Names the place in receipts, without a password that its address may hold."""
        return hashlib.sha256(self.uri.encode()).hexdigest()

    @property
    def page(self) -> str | None:
        """Where a browser finds it, without a password; None for a file.

        >>> Destination("https://me:secret@tracker:5000", None).page
        'https://tracker:5000'
        """
        scheme, _, rest = self.uri.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if scheme.startswith("http") else None


def destination(root: Path, environment: Mapping[str, str] = os.environ) -> Destination:
    """MLFLOW_TRACKING_URI if that is set, else a SQLite file inside the store.

    >>> destination(Path("/data/my store"), {}).uri
    'sqlite:////data/my store/mlflow/mlflow.db'
    >>> destination(Path("/data/my store"), {"MLFLOW_TRACKING_URI": "http://tracker:5000"})
    Destination(uri='http://tracker:5000', artifacts=None)
    """
    uri = environment.get("MLFLOW_TRACKING_URI")
    if uri:
        return Destination(uri, None)
    folder = root.resolve() / "mlflow"
    if "?" in str(folder):
        raise StoreError(
            "the store's path has a '?', which no SQLite address can hold",
            hint="set MLFLOW_TRACKING_URI, or rename the folder",
        )
    return Destination(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")


def waiting(store: Store, to: Destination) -> list[Manifest]:
    """The versions that this destination has not been told, oldest first."""
    return [manifest for manifest in store.history() if not _told(store.root, manifest, to)]


def acknowledge(root: Path, manifest: Manifest, to: Destination, run: str) -> None:
    """Keep the receipt: from now on this version is not waiting."""
    page = {
        "version": manifest.version,
        "digest": digest(manifest.to_bytes()),
        "destination": to.digest,
        "run": run,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    durable.replace(_receipt(root, manifest.version), json.dumps(page, indent=2).encode() + b"\n")


@contextmanager
def telling(root: Path) -> Iterator[None]:
    """Be the only process that tells MLflow about this store; StoreBusy if there is another."""
    (root / FOLDER).mkdir(mode=0o700, exist_ok=True)
    held = lock.writing(root / FOLDER)
    try:
        held.__enter__()
    except StoreBusy:
        raise StoreBusy("another process is telling it already", hint="nightshift update") from None
    try:
        yield
    finally:
        held.__exit__(None, None, None)


def _told(root: Path, manifest: Manifest, to: Destination) -> bool:
    """A receipt counts for the manifest and the place it names: stores are copied and restored."""
    try:
        page = json.loads(_receipt(root, manifest.version).read_bytes())
        named = (page["digest"], page["destination"])
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return named == (digest(manifest.to_bytes()), to.digest)


def _receipt(root: Path, version: int) -> Path:
    return root / FOLDER / f"{version:08}.json"
