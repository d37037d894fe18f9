"""How a module set lies in the store, for those who load it and for those who only list it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from state.store import Store

REGISTRY = "registry.json"
OVERLAY = "overlay/"


def read_registry(store: Store, names: Mapping[str, str]) -> dict[str, Any]:
    """What the modules that a manifest names say of themselves, without what they have learned."""
    text = (store.objects.open(names["registry"]) / REGISTRY).read_text("utf-8")
    page: dict[str, Any] = json.loads(text)
    return page
