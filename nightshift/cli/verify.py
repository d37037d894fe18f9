"""`nightshift verify`: read every byte that a version needs."""

from __future__ import annotations

from typing import Any

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out
from nightshift.errors import StoreDamaged


def verify(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Check every object of every version against its hash; name what is damaged."""
    from state.store import Store

    opened = Store.open(store)
    with output.progress() as progress:
        damages = opened.verify(progress)
    page: dict[str, Any] = {
        "sound": not damages,
        "damage": [{**vars(damage), "versions": list(damage.versions)} for damage in damages],
    }
    if as_json:
        output.print_json(page)
    elif not damages:
        out.print("sound: every byte is what was written")
    for damage in damages:
        needed = ", ".join(map(str, damage.versions)) or "none"
        output.err.print(f"{damage.what}: {damage.reason} (versions {needed})", markup=False)
    if damages:
        raise StoreDamaged(
            f"{len(damages)} parts of {store} are damaged",
            hint="nightshift rollback VERSION --documents --reason damaged, to a sound version",
        )
