"""What lies between two versions: documents, experts, kinds, settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.live import Live, open_live
from pipeline.documents import Key
from pipeline.library import Library
from state.store import Store


@dataclass(frozen=True)
class Difference:
    """From version `a` to version `b`; names are sorted."""

    a: int
    b: int
    added: tuple[Key, ...]
    removed: tuple[Key, ...]
    changed: tuple[Key, ...]
    experts: Mapping[str, str]
    kinds: Mapping[str, str]
    settings: Mapping[str, tuple[Any, Any]]
    encoders: tuple[str, str]

    def as_json(self) -> dict[str, Any]:
        documents = {
            name: [list(key) for key in getattr(self, name)]
            for name in ("added", "removed", "changed")
        }
        settings = {name: list(values) for name, values in self.settings.items()}
        page = {**vars(self), **documents, "settings": settings, "encoders": list(self.encoders)}
        return {**page, "experts": dict(self.experts), "kinds": dict(self.kinds)}


def difference(store: Store, a: int, b: int) -> Difference:
    """What is in version `b` and was not in `a`, and the other way round."""
    with open_live(store, a) as old, open_live(store, b) as new:
        before, after = old.library, new.library
        there, here = before.number_of.keys(), after.number_of.keys()
        return Difference(
            a,
            b,
            added=tuple(sorted(here - there)),
            removed=tuple(sorted(there - here)),
            changed=tuple(sorted(key for key in there & here if _changed(before, after, key))),
            experts=_experts(old, new),
            kinds=_kinds(old, new),
            settings=_settings(old, new),
            encoders=(old.manifest.encoder["name"], new.manifest.encoder["name"]),
        )


def _changed(before: Library, after: Library, key: Key) -> bool:
    return before.content_hash(key) != after.content_hash(key)


def _experts(old: Live, new: Live) -> dict[str, str]:
    """What became of each expert that serves in one of the two."""
    then, now = old.manifest.facts["live_experts"], new.manifest.facts["live_experts"]
    told = {name: "serves no more" for name in then if name not in now}
    return told | {name: "serves now" for name in now if name not in then}


def _kinds(old: Live, new: Live) -> dict[str, str]:
    """Kinds that came, went, or are served by something else."""
    told = {}
    for id_ in sorted({*old.modules.kinds, *new.modules.kinds}):
        then, now = old.modules.kinds.get(id_), new.modules.kinds.get(id_)
        if then is None or now is None:
            kind = now or then
            assert kind is not None
            told[id_] = f"{kind.name}: {'new' if now else 'gone'}"
            continue
        was, is_ = (kind.expert or "the frozen encoder" for kind in (then, now))
        if was != is_:
            told[id_] = f"{now.name}: served by {is_}, was {was}"
    return told


def _settings(old: Live, new: Live) -> dict[str, tuple[Any, Any]]:
    then, now = old.settings.as_json(), new.settings.as_json()
    return {name: (then[name], now[name]) for name in now if then[name] != now[name]}
