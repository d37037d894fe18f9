"""How a module set lies in the store, for those who load it and for those who only list it."""

from __future__ import annotations

REGISTRY = "registry.json"
OVERLAY = "overlay/"
