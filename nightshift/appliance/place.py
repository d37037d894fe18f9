"""The folder beside a store in which `nightshift up` keeps what is its own.

    STORE.up/running.json   who runs it, since when, and where its parts answer
    STORE.up/lock           held by it, and let go by the kernel when it dies
    STORE.up/prefect/       Prefect's home: its SQLite file
    STORE.up/password       what its Prefect server wants to hear from whoever talks to it
    STORE.up/logs/          what each part prints; `.1` is from the time before

Nothing in it is the truth about the store: delete the folder, and the schedule's history is gone.
It lies beside the store, not in it, so that a copy of the store is a copy of what was learned.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from nightshift.appliance.ports import past_proxies
from nightshift.errors import StoreBusy
from state import durable, lock

PASSWORD = "password"
CLOCKS_MAY_DIFFER = 5.0
"""Seconds: the kernel tells when a process began in another clock than the one people set."""


@dataclass(frozen=True)
class Running:
    """A `nightshift up`; `began` is when its process did, which no other with its number shares."""

    pid: int
    began: float
    mark: str
    """What all its processes carry in their environment; see `nightshift/appliance/child.py`."""
    prefect: str
    search: str
    mlflow: str | None
    alone: bool
    """Whether the Prefect server is its own."""

    @property
    def alive(self) -> bool:
        try:
            began = float(psutil.Process(self.pid).create_time())
            return abs(began - self.began) < CLOCKS_MAY_DIFFER
        except psutil.Error:
            return False

    @property
    def since(self) -> str:
        return datetime.fromtimestamp(self.began).astimezone().isoformat(timespec="seconds")


def folder_of(store: Path) -> Path:
    """Where the `up` of this store keeps its things.

    >>> folder_of(Path("/srv/search/store")).as_posix()
    '/srv/search/store.up'
    """
    root = store.resolve()
    return root.with_name(f"{root.name}.up")


def read(folder: Path) -> Running | None:
    """The last `up` that left its name here, dead or alive."""
    try:
        return Running(**json.loads((folder / "running.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def turn_to(store: Path) -> None:
    """Before Prefect is imported: PREFECT_API_URL is that of the running `up`, unless it is set."""
    folder = folder_of(store)
    running = read(folder)
    if running is None or not running.alive:
        return
    if running.alone and "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_API_AUTH_STRING"] = password(folder)
    os.environ.setdefault("PREFECT_API_URL", running.prefect)
    past_proxies()


def password(folder: Path) -> str:
    """What the Prefect server of this place wants to hear, the same at every start.

    Without it whoever reaches the port, a page in a browser for one, could have it run anything.
    """
    file = folder / PASSWORD
    if not file.is_file():
        durable.replace(file, f"nightshift:{secrets.token_urlsafe(24)}\n".encode())
    return file.read_text("utf-8").strip()


def write(folder: Path, running: Running) -> None:
    page = json.dumps(asdict(running), indent=2).encode() + b"\n"
    durable.replace(folder / "running.json", page)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Be the only `up` of this store; StoreBusy at once if there is another."""
    folder.mkdir(mode=0o700, exist_ok=True)
    kernel = lock.writing(folder)
    try:
        kernel.__enter__()
    except StoreBusy:
        other = read(folder)
        who = f"process {other.pid}, since {other.since}" if other else "another process"
        raise StoreBusy(
            f"nightshift up runs for this store already: {who}",
            hint="nightshift schedule",
        ) from None
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            (folder / "running.json").unlink()
        kernel.__exit__(None, None, None)
