"""One night of a new kind: what is decided, what queries that never taught gain, whom it hurts.

    python -m bench.one_night --data DIR --first A B C --night D --out FILE

DIR holds domains in BEIR layout, with qrels `train`, `test` (queries about documents that no
training query names) and `test_seen`. Every figure is nDCG@10 over the whole index, against the
frozen encoder on the same index, with a paired bootstrap interval of the difference.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.told import tell
from flows.bootstrap import bootstrap
from flows.evaluate import gain
from flows.live import open_live
from flows.night import update
from state.store import Store

SPLITS = ("test", "test_seen")


def one_night(data: Path, first: list[str], night: str, root: Path) -> dict[str, Any]:
    """Bootstrap on `first`, live through `night`, measure every domain."""
    bootstrap(root, [data / name for name in first])
    store = Store.open(root)
    started = time.monotonic()
    [lived] = update(store, [data / night])
    page: dict[str, Any] = {
        "first": first,
        "night": night,
        "seconds": {**lived.seconds, "wall": time.monotonic() - started},
        "outcomes": [outcome.as_json() for outcome in lived.outcomes],
        "detection": dict(store.manifest().facts["detection"]),
        "domains": {},
    }
    with open_live(store) as live:
        for name in [night, *first]:
            page["domains"][name] = {split: gain(live, data / name, split) for split in SPLITS}
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--first", nargs="+", required=True)
    parser.add_argument("--night", required=True)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = one_night(asked.data, asked.first, asked.night, Path(folder, "store"))
    tell(page, asked.out)


if __name__ == "__main__":
    main()
