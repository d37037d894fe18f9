"""The three-line use from Python:

import nightshift
with nightshift.open("store") as index:
    index.search("how do tides work", k=5).hits
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, get_args

from flows.live import Live, open_live
from flows.prior import Prior
from nightshift.errors import UsageError
from nightshift.facts import Expert, Explanation, NearKind, Version, expert_of, version_of
from pipeline.fusion import Standing, standings
from pipeline.library import EVERYTHING, FILTERED, Filter
from pipeline.retriever import Answers, Leg, Retriever
from pipeline.router import Route
from state.store import Store

if TYPE_CHECKING:
    from nightshift.exports.formats import Exported


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
ASK = 'nightshift search "WORDS"'


class Index:
    """One version of a store, ready to be asked; by several threads too, one after the other."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self._only = lru_cache(FILTERS_KEPT)(partial(_narrowed, live))
        self._alone = Lock()
        """Experts attach to the one encoder: who asks meanwhile would ask through them."""

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
        for query in queries:
            _check_query(query)
        _check_wishes(k, leg, instruction, where)
        with self._alone:
            among = None
            if instruction and instruction.strip():
                among = self._prior.kinds_meant(instruction)
            retriever = self.live.retriever if where == EVERYTHING else self._only(where)
            answers = retriever.ask(queries, k, leg=leg, among=among)
            return [self._answer(answers, row) for row in range(len(queries))]

    @cached_property
    def _prior(self) -> Prior:
        return Prior(self.live.modules.kinds, self.live.encoder)

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

    def explain(self, query: str) -> Explanation:
        """What led to a query's route: its similarity to each kind, and the floor."""
        _check_query(query)
        with self._alone:
            modules = self.live.modules
            vectors = self.live.encoder.encode_queries([query])
        router = modules.router
        similarity = router.similarity(vectors)[0]
        kinds: list[NearKind] = [
            {
                "kind": kind,
                "name": modules.kinds[kind].name,
                "similarity": float(near),
                "expert": router.experts.get(kind),
            }
            for kind, near in zip(router.prototypes, similarity, strict=True)
        ]
        kinds.sort(key=lambda kind: -kind["similarity"])
        return {"kinds": kinds, "floor": router.floor}

    def versions(self) -> list[Version]:
        """All of history, oldest first; one of them is live, whichever this index is."""
        store = self.live.store
        live = store.head().version
        return [version_of(manifest, live) for manifest in store.history()]

    def experts(self) -> list[Expert]:
        """The experts of this version."""
        modules = self.live.modules
        return [expert_of(facts, modules) for facts in modules.experts.values()]

    def export(self, format: str, out: str | Path, expert: str | None = None) -> Exported:
        """This version in the format of another library, as a new folder."""
        from nightshift.exports.formats import export

        with self._alone:
            return export(self.live, format, Path(out), expert)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.live.__exit__(*error)


def _check_query(query: str) -> None:
    if not query.strip():
        raise UsageError("the query is empty", hint=ASK)
    _check_unicode("query", query)


def _check_wishes(k: int, leg: Leg, instruction: str | None, where: Filter) -> None:
    if k < 1:
        raise UsageError(f"k is at least 1, not {k}", hint=f"{ASK} -k 10")
    if leg not in (legs := get_args(Leg)):
        raise UsageError(f"there is no leg {leg!r}; there are {', '.join(legs)}", hint=ASK)
    if not isinstance(where, Filter):
        raise UsageError(f"where is a Filter, not a {type(where).__name__}", hint=FILTERED)
    _check_unicode("instruction", instruction or "")


def _check_unicode(name: str, text: str) -> None:
    """No tokenizer reads half a character, which is what a terminal makes of a stray byte."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"the {name} is not valid Unicode: half of a surrogate pair", hint=ASK
        ) from None


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
