"""Every kind of expert by the name of its method, as settings and module sets name it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.experts.lora import LoraExpert
from pipeline.experts.prefix import PrefixExpert
from pipeline.experts.tuned import Tuned

METHODS: Mapping[str, type[Tuned]] = {
    method.method: method for method in (LoraExpert, PrefixExpert)
}
