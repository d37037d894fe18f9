"""Which batches of an inbox are complete, and what is said of the others."""

from pathlib import Path

import pytest

from nightshift.errors import BatchError
from pipeline.inbox import pending


def write(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


class TestPending:
    def test_batches_wait_in_the_order_of_their_names(self, tmp_path):
        for name in ("b.jsonl", "a.jsonl.gz", "z.txt", ".x.jsonl", "c.jsonl.tmp", "d.part"):
            write(tmp_path / name)
        for name in ("c", "10", "9", ".hidden", "half.tmp", "half.PART"):
            (tmp_path / name).mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "c")
        names = [path.name for path in pending(tmp_path)]
        assert names == ["10", "9", "a.jsonl.gz", "b.jsonl", "c"]

    def test_an_inbox_must_be_there(self, tmp_path):
        with pytest.raises(BatchError) as caught:
            pending(tmp_path / "in box")
        assert caught.value.hint == f"mkdir -p '{tmp_path}/in box'"
