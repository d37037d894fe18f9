"""The three-line use from Python:

from nightshift import open_index
with open_index("store") as index:
    index.search("how do tides work", k=5).hits
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

from flows.live import Live, open_live
from flows.prior import kinds_meant
from nightshift.errors import UsageError
from pipeline.fusion import Standing, standings
from pipeline.library import EVERYTHING, Filter
from pipeline.retriever import Answers, Leg, Retriever
from pipeline.router import Route
from state.store import Store


@dataclass(frozen=True)
class Hit:
    """A document found; `text` is the passage that matched.

    Where both legs were asked, `dense` and `lexical` say what each adds to the score.
    """

    rank: int
    id: str
    source: str
    score: float
    title: str
    text: str
    segment: str
    dense: Standing | None = None
    lexical: Standing | None = None


@dataclass(frozen=True)
class Answer:
    """Hits, best first, and the experts whose query vector found them.

    `share` is how much the words of the query counted, where they were asked beside its vector.
    """

    version: int
    route: Route
    hits: tuple[Hit, ...]
    share: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "route": self.route,
            "share": self.share,
            "hits": [asdict(hit) for hit in self.hits],
        }


FILTERS_KEPT = 8
"""Narrowed retrievers at hand, for filters that were asked for lately."""


class Index:
    """One version of a store, ready to be asked."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self._only = lru_cache(FILTERS_KEPT)(partial(_narrowed, live))

    @property
    def version(self) -> int:
        return self.live.manifest.version

    def search(
        self,
        query: str,
        k: int = 10,
        leg: Leg = "both",
        instruction: str | None = None,
        where: Filter = EVERYTHING,
    ) -> Answer:
        """The k best documents for a query, by its vector, its words, or both.

        An instruction says beforehand which kinds of text it means; without one the query's own
        vector decides. `where` says which documents may be found: the k best of those.
        """
        return self.search_many([query], k, leg, instruction, where)[0]

    def search_many(
        self,
        queries: Sequence[str],
        k: int = 10,
        leg: Leg = "both",
        instruction: str | None = None,
        where: Filter = EVERYTHING,
    ) -> list[Answer]:
        """What `search` answers to each query; the encoder reads them together."""
        if not all(query.strip() for query in queries):
            raise UsageError("the query is empty", hint='nightshift search "WORDS"')
        live, among = self.live, None
        if instruction and instruction.strip():
            among = kinds_meant(live.modules.kinds, instruction, live.encoder)
        retriever = live.retriever if where == EVERYTHING else self._only(where)
        answers = retriever.ask(queries, k, leg=leg, among=among)
        return [self._answer(answers, row) for row in range(len(queries))]

    def _answer(self, answers: Answers, row: int) -> Answer:
        library = self.live.library
        hits = []
        told = _told(answers, row)
        for rank, found in enumerate(answers.found[row], start=1):
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
                    *(told[rank - 1] if told else (None, None)),
                )
            )
        share = answers.shares[row] if answers.shares else None
        return Answer(self.version, answers.routes[row], tuple(hits), share)

    def explain(self, query: str) -> dict[str, Any]:
        """What led to a query's route: its similarity to each kind, and the floor."""
        modules = self.live.modules
        router = modules.router
        similarity = router.similarity(self.live.encoder.encode_queries([query]))[0]
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
        self.live.__exit__(*error)


def _narrowed(live: Live, where: Filter) -> Retriever:
    return live.retriever.only(live.library.matching(where))


def _told(answers: Answers, row: int) -> list[tuple[Standing, Standing]]:
    """What each leg says of each hit of a query, if both were asked."""
    if not answers.shares:
        return []
    return standings(
        answers.dense[row], answers.lexical[row], answers.shares[row], answers.found[row]
    )


def open_index(store: str | Path, version: int | None = None) -> Index:
    """The live version of a store, or an older one."""
    return Index(open_live(Store.open(Path(store)), version))
