"""What somebody says of a query beforehand: which kinds an instruction means.

Kinds remember the label and the instruction of the batches that they grew by (`batch.json`). An
instruction given with a query means the kinds that it names, or else those that remember what it
lies nearest to, as the frozen encoder sees it. DDR's prior (arXiv 2602.22547) is such a table, made
by hand for every dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from flows.modules import Kind
from pipeline.batch import Batch
from pipeline.encoder import Encoder, Vectors


def labels_of(batch: Batch) -> tuple[str, ...]:
    """What a batch says of itself."""
    return tuple(told for told in (batch.label, batch.instruction) if told)


def with_labels(known: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Labels in the order of their first night.

    >>> with_labels(("tv",), ("tv", "find the scene"))
    ('tv', 'find the scene')
    """
    return tuple(dict.fromkeys((*known, *new)))


class Prior:
    """What the kinds of one version were told, and how its encoder sees that."""

    def __init__(self, kinds: Mapping[str, Kind], encoder: Encoder) -> None:
        self._told = [(id_, label) for id_, kind in kinds.items() for label in kind.labels]
        self._encoder = encoder

    def kinds_meant(self, instruction: str) -> frozenset[str] | None:
        """The kinds that an instruction means; None where no kind was ever told anything."""
        if not self._told:
            return None
        named = self._told_that(instruction)
        if named:
            return named
        near = self._labels @ self._encoder.encode_queries([instruction])[0]
        return self._told_that(self._told[int(near.argmax())][1])

    def _told_that(self, said: str) -> frozenset[str]:
        wanted = said.strip().casefold()
        return frozenset(id_ for id_, label in self._told if label.strip().casefold() == wanted)

    @cached_property
    def _labels(self) -> Vectors:
        return self._encoder.encode_queries([label for _, label in self._told])
