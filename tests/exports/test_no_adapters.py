"""What peft did not make is not exported as if it had."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.live import open_live
from nightshift.errors import UsageError
from nightshift.exports import peft
from nightshift.exports.formats import export
from state.store import Store


def test_an_expert_that_peft_did_not_make_is_no_adapter(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(peft.OF_PEFT, "prefix")  # type: ignore[arg-type]
    with open_live(store) as live, pytest.raises(UsageError, match="which peft does not know"):
        export(live, "peft", tmp_path / "one", "e2")
    with open_live(store) as live:
        export(live, "peft", tmp_path / "all", None)
    assert {one.name for one in (tmp_path / "all").iterdir()} == {"e1", "README.md"}
