"""Every kind of expert by the name of its method, as settings and module sets name it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.experts.lora import LoraExpert
from pipeline.experts.mixlora import MixLora
from pipeline.experts.prefix import PrefixExpert
from pipeline.experts.still import StillExpert
from pipeline.experts.tuned import Tuned

OF_PEFT: Mapping[str, type[Tuned]] = {
    method.method: method for method in (LoraExpert, PrefixExpert)
}
"""Those that peft makes, in its format."""
METHODS: Mapping[str, type[Tuned]] = {
    **OF_PEFT,
    **{method.method: method for method in (MixLora, StillExpert)},
}
