"""A version as MLflow serves it: `mlflow models serve -m models:/nightshift@champion`.

What a registered version holds beside its plain files is a page (flows/servable.py) that says where
the store is and which version was meant; this opens it there. Nothing is unpickled and no code
travels: whoever serves has nightshift and the store. NIGHTSHIFT_STORE says where the store is now,
if it has moved.

    {"dataframe_records": [{"query": "how do tides work", "k": 3}]}  ->  a row per hit
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.record import key_of
from nightshift.errors import StoreError
from nightshift.index import Index, open_index
from state.store import Store

if TYPE_CHECKING:
    import pandas as pd

HITS = 10


class Served:
    """One version of a store, asked by the rows of a table: `query`, and `k` if there is one."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def predict(self, asked: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The hits of every query, best first."""
        import pandas as pd

        rows = [row for each in asked.to_dict("records") for row in self._answered(each)]
        columns = ["query", "rank", "source", "id", "score", "title", "text", "version"]
        return pd.DataFrame(rows, columns=columns)

    def _answered(self, asked: dict[Any, Any]) -> Iterator[dict[str, Any]]:
        query, k = str(asked["query"]), asked.get("k")
        for hit in self.index.search(query, HITS if k is None else int(k)).hits:
            yield {
                "query": query,
                "rank": hit.rank,
                "source": hit.source,
                "id": hit.id,
                "score": float(hit.score),
                "title": hit.title,
                "text": hit.text,
                "version": self.index.version,
            }


def _load_pyfunc(path: str) -> Served:
    """What MLflow calls with the place of the page."""
    page = json.loads(Path(path).read_text("utf-8"))
    root = Path(os.environ.get("NIGHTSHIFT_STORE", page["store"]))
    manifest = Store.open(root).manifest(page["version"])
    if key_of(manifest) != page["manifest"]:
        raise StoreError(
            f"version {page['version']} of {root} is not the one that was registered",
            hint="NIGHTSHIFT_STORE=THE_RIGHT_STORE mlflow models serve ...",
        )
    return Served(open_index(root, page["version"]))
