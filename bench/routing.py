"""How much leaks: what other ways of routing change for kinds with an expert and for those without.

    python -m bench.routing STORE --out FILE

Every row is a router over the same experts, kinds and queries, against the frozen encoder alone.
Kinds with an expert are judged by the tenth of their real queries that never taught; kinds without
one by the real queries about a third of their documents, and the centroids of these kinds are of
the other queries alone. `away` is the share of the latter that goes to some expert, for the most
part.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flows.live import Live, open_live
from flows.modules import Kind
from pipeline import router as routing
from pipeline.crossfit import fold_of
from pipeline.documents import REAL
from pipeline.gate import measured
from pipeline.measures import Scores
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import FROZEN, PROTOTYPES, Router, prototypes_of
from pipeline.tried import Tried, hear, quality
from state.store import Store

TIMES = (0.5, 1.0, 1.5, 2.0)
"""Sharpness, as multiples of the product's."""
CENTROIDS = (4, 16, 32)
RULES = ("nearest", "margin")


def compared(live: Live) -> dict[str, Any]:
    """Every router's changes by kind, with 90 % intervals."""
    asked = {id_: _asked(live, kind) for id_, kind in live.modules.kinds.items()}
    asked = {id_: some for id_, some in asked.items() if len(some)}
    plain = Retriever(live.encoder, {}, Router(), live.index)
    floor = {id_: quality(hear(plain, some, live.library)) for id_, some in asked.items()}
    now = _router(live, PROTOTYPES)
    routers = {f"sharpness x {times:g}": _scaled(now, times) for times in TIMES}
    routers |= {f"{count} centroids": _router(live, count) for count in CENTROIDS}
    routers |= {f"rule {rule}": replace(now, rule=rule) for rule in RULES}
    page: dict[str, Any] = {
        "kinds": {
            id_: {
                "name": live.modules.kinds[id_].name,
                "expert": live.modules.kinds[id_].expert,
                "queries": len(scores),
                "frozen": float(scores.mean()),
            }
            for id_, scores in floor.items()
        },
        "routers": {},
    }
    for name, router in routers.items():
        page["routers"][name] = told = _told(live, router, asked, floor)
        print(f"{name:<18}", json.dumps(told), file=sys.stderr, flush=True)
    return page


def _told(
    live: Live, router: Router, asked: Mapping[str, Questions], floor: Mapping[str, Scores]
) -> dict[str, Any]:
    overlaid = live.retriever.overlaid
    retriever = Retriever(live.encoder, live.experts, router, live.index, overlaid)
    gains = {
        id_: Tried.over(floor[id_], hear(retriever, some, live.library)).gains
        for id_, some in asked.items()
    }
    away = [
        max(route, key=lambda name: route[name]) != FROZEN
        for id_, some in asked.items()
        if live.modules.kinds[id_].expert is None
        for route in router.route(some.vectors)
    ]
    changes = {id_: list(change) for id_, change in measured(gains).items()}
    return {"away": float(np.mean(away)) if away else 0.0, "changes": changes}


def _asked(live: Live, kind: Kind) -> Questions:
    """The real queries that a kind is judged by."""
    real = kind.questions.where(
        lambda pair: pair.origin == REAL and pair.key in live.library.number_of
    )
    return real.judging if kind.expert else real.where(lambda pair: fold_of(pair.key) == 0)


def _router(live: Live, centroids: int) -> Router:
    """The live router with so many centroids a kind."""
    before, routing.PROTOTYPES = routing.PROTOTYPES, centroids
    points = {}
    for id_, kind in live.modules.kinds.items():
        typical = kind.questions.typical
        if kind.expert is None:
            typical = typical.where(lambda pair: fold_of(pair.key) != 0)
        if len(typical):
            points[id_] = prototypes_of(typical.vectors, live.settings.seed)
    routing.PROTOTYPES = before
    held_out = [kind.questions.judging.vectors for kind in live.modules.kinds.values()]
    router = replace(live.modules.router, prototypes=points)
    return router.calibrated(np.concatenate(held_out))


def _scaled(router: Router, times: float) -> Router:
    return replace(router, sharpness=times * router.sharpness)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("store", type=Path)
    parser.add_argument("--version", type=int)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    with open_live(Store.open(asked.store), asked.version) as live:
        page = compared(live)
    asked.out.write_text(json.dumps(page, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
