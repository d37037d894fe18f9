"""What the published systems claim, asked of the same nights; one that does not hold is a result.

Only claims whose systems were run are judged. What their papers measured, and on what, is in
docs/published.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.quality import counted, summary
from bench.quality.figures import percent, points
from bench.quality.summary import FROZEN, Evidence

FEWER = 0.6
"""Of an always-expanding mixture's parameters, what MixLoRA-DSI's rule needs at most."""
SLACK = 0.005
"""Half a point."""
HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
Found = tuple[str, str]


@dataclass(frozen=True)
class Claim:
    """Whose it is, the sentence, and the function that finds figure and verdict."""

    by: str
    sentence: str
    judge: Callable[[Evidence], Found | None]


def _above(system: str, other: str) -> Callable[[Evidence], Found | None]:
    """Surely better; or surely worse."""

    def judge(evidence: Evidence) -> Found | None:
        found = summary.gain(evidence, system, other)
        if found is None:
            return None
        return points(found), HOLDS if found.above else FAILS if found.below else OPEN

    return judge


def _not_below(system: str, other: str) -> Callable[[Evidence], Found | None]:
    """As good: surely less than SLACK worse. Surely worse, by however little, is not as good."""

    def judge(evidence: Evidence) -> Found | None:
        found = summary.gain(evidence, system, other)
        if found is None:
            return None
        return points(found), FAILS if found.below else HOLDS if found.low >= -SLACK else OPEN

    return judge


def grows_less(evidence: Evidence) -> Found | None:
    """At most FEWER of the parameters."""
    systems = evidence.results.systems
    shares = [
        counted.parameter_share(systems.get(one, {})) for one in ("mixlora", "mixlora-always")
    ]
    share = counted.ratio(*shares)
    return None if share is None else (percent(share), HOLDS if share <= FEWER else FAILS)


CLAIMS = (
    Claim("DDR", "top-k above full fine-tuning", _above("ddr-topk", "full-ft")),
    Claim("DDR", "top-k above the frozen encoder", _above("ddr-topk", FROZEN)),
    Claim("SB-MoE", "its block above the encoder untaught", _above("sb-moe", FROZEN)),
    Claim("SB-MoE", "all experts above the encoder untaught", _above("sb-moe-all", FROZEN)),
    Claim("MixLoRA-DSI", "60 % of the parameters of growing always, at most", grows_less),
    Claim("MixLoRA-DSI", "as good as growing always", _not_below("mixlora", "mixlora-always")),
    Claim(
        "DAR", "merging at a margin at least as good as hard routing", _not_below("dar", "dar-hard")
    ),
    Claim("DAR", "with the answer in sight better routed", _above("dar-sighted", "dar")),
    Claim("RouterRetriever", "pilots above the frozen encoder", _above("router-retriever", FROZEN)),
)


def judged(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    """By whom, the claim, the figure and the verdict, for every claim that could be asked."""
    return [
        (claim.by, claim.sentence, *found)
        for claim in CLAIMS
        if (found := claim.judge(evidence)) is not None
    ]
