"""Telling MLflow everything it has not been told; run as a process of its own by `flows.mirror`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from flows.record import record_of
from nightshift.errors import NightshiftError, StoreDamaged
from state.mirror import deliver
from state.outbox import acknowledge, destination, telling, waiting
from state.store import Store

LONGEST = 200


def deliver_waiting(store: Store) -> list[int]:
    """Tell every version that waits, oldest first, and those that come meanwhile; which they were.

    An MLflow that is down for one is down for all: that ends it. A version that cannot be told for
    what it holds goes on waiting, and is complained of once the others are told.
    """
    to = destination(store.root)
    told: list[int] = []
    stuck: dict[int, Exception] = {}
    with telling(store.root):
        while todo := [one for one in waiting(store, to) if one.version not in stuck]:
            if to.artifacts:
                to.artifacts.mkdir(mode=0o700, parents=True, exist_ok=True)
            for manifest in todo:
                try:
                    run = deliver(record_of(store, manifest), to)
                except Exception as error:
                    if not _is_its_own(error):
                        raise
                    stuck[manifest.version] = error
                    continue
                acknowledge(store.root, manifest, to, run)
                told.append(manifest.version)
    if stuck:
        raise next(iter(stuck.values()))
    return told


def _is_its_own(error: BaseException) -> bool:
    """Whether what failed is the version, and not the way to MLflow."""
    if getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
        return True
    root: BaseException | None = error
    while root is not None:
        if isinstance(root, (UnicodeError, StoreDamaged)):
            return True
        root = root.__cause__ or root.__context__
    return False


def in_one_sentence(error: BaseException) -> str:
    """What went wrong, short, without the password that an address may hold.

    >>> in_one_sentence(ValueError("no route to http://me:secret@tracker/api\\nTraceback ..."))
    'no route to http://tracker/api'
    """
    root = error
    while not isinstance(error, NightshiftError) and (cause := root.__cause__ or root.__context__):
        # "Connection refused" says more than the four errors around it.
        root = cause
    said = str(getattr(root, "message", None) or getattr(root, "strerror", None) or root)
    first = next(iter(said.strip().splitlines()), type(error).__name__)
    first = re.sub(r"://[^/@\s]*@", "://", first)
    return first if len(first) <= LONGEST else first[: LONGEST - 1] + "…"


def main() -> None:
    """Deliver for the store named on the command line; an error is a line of JSON on stdout."""
    try:
        deliver_waiting(Store.open(Path(sys.argv[1])))
    except Exception as error:
        print(json.dumps({"error": in_one_sentence(error)}))
        sys.exit(1)


if __name__ == "__main__":
    main()
