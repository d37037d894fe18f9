"""Every way of merging by its name."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.merging.base import Merging
from pipeline.merging.core_space import CoreSpace
from pipeline.merging.dare import dare
from pipeline.merging.factors import factors
from pipeline.merging.ties import ties

MERGINGS: Mapping[str, Merging] = {
    "core": CoreSpace(),
    "core-ties": CoreSpace(ties),
    "core-dare": CoreSpace(dare),
    "factors": factors,
}
