"""What a night puts on the shelf, without an encoder."""

from __future__ import annotations

from pathlib import Path

from handmade import answers, document, first_version, night

from flows.live import open_live


def test_a_document_that_comes_back_as_it_was_is_found_again(tmp_path: Path) -> None:
    store = first_version(tmp_path / "store", [document(str(n)) for n in range(5)])
    back = document("back", "again")
    night(store, [back])
    night(store, deleted=[back.key])
    night(store, [back])
    with open_live(store) as live:
        assert len(live.library) == 6
        assert answers(live, [back.text], 1)[0][0][0] == "back"
    with open_live(store, 3) as live:
        assert back.key not in live.library.number_of
