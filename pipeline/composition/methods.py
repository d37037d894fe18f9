"""Every way of composing by its name, as settings know it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.composition.base import Composition
from pipeline.composition.blend import Blend
from pipeline.composition.halves import Halves

HALVES = Halves()
COMPOSITIONS: Mapping[str, Composition] = {"halves": HALVES, "blend": Blend()}
