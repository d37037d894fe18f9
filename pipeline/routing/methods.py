"""Every routing rule by its name, as settings and routers name it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.routing.base import Rule
from pipeline.routing.margin import margin
from pipeline.routing.nearest import nearest
from pipeline.routing.softmax import softmax
from pipeline.routing.top import top

SOFTMAX = "softmax"
RULES: Mapping[str, Rule] = {SOFTMAX: softmax, "nearest": nearest, "margin": margin, "top-k": top}
