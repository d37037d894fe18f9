"""The three-line use from Python:

from nightshift import open_index
with open_index("store") as index:
    index.search("how do tides work", k=5).hits
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from flows.live import Live, open_live
from nightshift.errors import UsageError
from pipeline.router import Route
from state.store import Store


@dataclass(frozen=True)
class Hit:
    """A document found; `text` is the passage that matched."""

    rank: int
    id: str
    source: str
    score: float
    title: str
    text: str
    segment: str


@dataclass(frozen=True)
class Answer:
    """Hits, best first, and the experts whose query vector found them."""

    version: int
    route: Route
    hits: tuple[Hit, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "route": self.route,
            "hits": [dict(vars(hit)) for hit in self.hits],
        }


class Index:
    """One version of a store, ready to be asked."""

    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def version(self) -> int:
        return self._live.manifest.version

    def search(self, query: str, k: int = 10) -> Answer:
        """The k best documents for a query."""
        if not query.strip():
            raise UsageError("the query is empty", hint='nightshift search "WORDS"')
        answers = self._live.retriever.ask([query], k)
        library = self._live.library
        hits = []
        for rank, found in enumerate(answers.found[0], start=1):
            document = library.document(found.number)
            cut = library.passage(found.number, found.passage)
            hits.append(
                Hit(
                    rank,
                    document.id,
                    document.source,
                    found.score,
                    document.title,
                    document.text[cut.start : cut.end],
                    library.segment_name(found.number),
                )
            )
        return Answer(self.version, answers.routes[0], tuple(hits))

    def explain(self, query: str) -> dict[str, Any]:
        """What led to a query's route: its similarity to each kind, and the floor."""
        modules = self._live.modules
        router = modules.router
        similarity = router.similarity(self._live.encoder.encode_queries([query]))[0]
        kinds = [
            {
                "kind": kind,
                "name": modules.kinds[kind].name,
                "similarity": float(near),
                "expert": router.experts.get(kind),
            }
            for kind, near in zip(router.prototypes, similarity, strict=True)
        ]
        kinds.sort(key=lambda kind: -float(str(kind["similarity"])))
        return {"kinds": kinds, "floor": router.floor}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(*error)


def open_index(store: str | Path, version: int | None = None) -> Index:
    """The live version of a store, or an older one."""
    return Index(open_live(Store.open(Path(store)), version))
