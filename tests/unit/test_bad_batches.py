"""What a careless or hostile delivery may hold: nothing hangs, nothing is lost in silence."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from nightshift.errors import BatchError
from pipeline import corpus, packed
from pipeline.batch import Batch, read_batch

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    return path


def lines(*objects: Any) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in objects)


def ids(batch: Batch) -> list[str]:
    return [document.id for document in batch.documents]


def reasons(batch: Batch) -> list[str]:
    return [entry.reason for entry in batch.quarantined]


class TestIdentity:
    def test_ids_that_only_look_alike_are_two_documents(self, tmp_path):
        """An id comes back as its owner wrote it; merging two would lose one of them."""
        names = [COMPOSED, DECOMPOSED, "\ufb01", "fi", "\uff21", "A", "a"]
        text = lines(*[{"_id": name, "text": f"Tide {n}"} for n, name in enumerate(names)])
        batch = read_batch(write(tmp_path / "b.jsonl", text))
        assert (ids(batch), reasons(batch)) == (names, [])

    def test_file_names_that_only_look_alike_are_two_documents(self, tmp_path):
        for name in (COMPOSED, DECOMPOSED):
            write(tmp_path / f"{name}.md", "Tide")
        assert set(ids(read_batch(tmp_path))) == {f"{COMPOSED}.md", f"{DECOMPOSED}.md"}

    def test_nul_is_a_character_like_any_other(self, tmp_path):
        """JSON, parquet and hashes hold it; the screen is shown a space."""
        entry = {
            "_id": "a\x00b",
            "title": "c\x00d",
            "text": "e\x00f",
            "metadata": {"g\x00": "\x00"},
        }
        batch = read_batch(write(tmp_path / "b.jsonl", lines(entry, {"_id": "a", "text": "b"})))
        assert ids(batch) == ["a\x00b", "a"]
        assert (batch.documents[0].title, batch.documents[0].text) == ("c\x00d", "e\x00f")
        assert pa.array(ids(batch)).to_pylist() == ["a\x00b", "a"]

    def test_halves_of_characters_are_refused(self, tmp_path):
        bad = [
            {"_id": "\ud800", "text": "x"},
            {"_id": "1", "text": "\udfff"},
            {"_id": "2", "title": "\ud800", "text": "x"},
            {"_id": "3", "text": "x", "metadata": {"\ud800": 1}},
        ]
        batch = read_batch(write(tmp_path / "b.jsonl", lines(*bad, {"_id": "4", "text": "x"})))
        assert ids(batch) == ["4"]
        assert reasons(batch) == ["not valid Unicode: half of a surrogate pair"] * 4

    def test_a_long_id_is_refused(self, tmp_path):
        text = lines({"_id": "x" * 4096, "text": "x"}, {"_id": "x", "text": "x"})
        batch = read_batch(write(tmp_path / "b.jsonl", text))
        assert (ids(batch), reasons(batch)) == (["x"], ["the id is longer than 1024 characters"])


class TestStrangeFolders:
    def test_a_batch_may_be_reached_by_a_link(self, tmp_path):
        """Somebody typed it; inside of a batch links are not followed."""
        write(tmp_path / "real/corpus.jsonl", lines({"_id": "1", "text": "x"}))
        (tmp_path / "folder").symlink_to(tmp_path / "real")
        (tmp_path / "file.jsonl").symlink_to(tmp_path / "real/corpus.jsonl")
        assert ids(read_batch(tmp_path / "folder")) == ["1"]
        assert ids(read_batch(tmp_path / "file.jsonl")) == ["1"]

    def test_a_link_to_itself_or_to_nothing_is_no_batch(self, tmp_path):
        (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
        (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nothing")
        for name in ("loop.jsonl", "gone.jsonl"):
            with pytest.raises(BatchError, match="is not a batch"):
                read_batch(tmp_path / name)

    def test_pipes_and_devices_are_never_opened(self, tmp_path):
        write(tmp_path / "b/corpus.jsonl", lines({"_id": "1", "text": "x"}))
        os.mkfifo(tmp_path / "b/more.jsonl")
        os.mkfifo(tmp_path / "b/batch.json")
        assert ids(read_batch(tmp_path / "b")) == ["1"]
        os.mkfifo(tmp_path / "pipe.jsonl")
        for path in (tmp_path / "pipe.jsonl", Path("/dev/zero"), Path("/dev/null")):
            with pytest.raises(BatchError, match="is not a batch"):
                read_batch(path)

    def test_a_pipe_in_place_of_a_file_is_not_waited_for(self, tmp_path, monkeypatch):
        write(tmp_path / "b/corpus.jsonl", lines({"_id": "1", "text": "x"}))
        monkeypatch.setattr("pipeline.batch.deliver", _swapping(os.mkfifo))
        with pytest.raises(BatchError, match="not a regular file"):
            read_batch(tmp_path / "b")

    def test_a_link_in_place_of_a_file_is_not_followed(self, tmp_path, monkeypatch):
        secret = write(tmp_path / "secret.jsonl", lines({"_id": "secret", "text": "x"}))
        write(tmp_path / "b/corpus.jsonl", lines({"_id": "1", "text": "x"}))
        swap = _swapping(lambda path: path.symlink_to(secret))
        monkeypatch.setattr("pipeline.batch.deliver", swap)
        with pytest.raises(BatchError, match="cannot be read"):
            read_batch(tmp_path / "b")

    def test_two_dots_in_a_name_lead_nowhere(self, tmp_path):
        write(tmp_path / "outside.md", "secret")
        write(tmp_path / "b/a..b.md", "Tide")
        write(tmp_path / "b/...x/hidden.md", "hidden")
        assert ids(read_batch(tmp_path / "b" / ".." / "b")) == ["a..b.md"]

    def test_empty_files_are_empty(self, tmp_path):
        for name in ("a.jsonl", "b.csv", "c.tsv", "d.jsonl.gz", "e.csv.zst", "f.parquet"):
            write(tmp_path / name, b"")
        batch = read_batch(tmp_path)
        assert ids(batch) == []
        assert reasons(batch) == ["not a parquet file, or a damaged one"]


def _swapping(make: Any) -> Any:
    """List a delivery, then put something else in place of its corpus."""
    from pipeline.delivery import deliver

    def swap(path: Path) -> Any:
        found = deliver(path)
        (path / "corpus.jsonl").unlink()
        make(path / "corpus.jsonl")
        return found

    return swap


class TestEncodings:
    @pytest.mark.parametrize("name", ["b.jsonl", "b.md"])
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_is_named_once(self, tmp_path, name, encoding):
        text = "\ufeff" + lines(*[{"_id": str(n), "text": "x"} for n in range(100)])
        write(tmp_path / name, text.encode(encoding))
        batch = read_batch(tmp_path)
        assert (ids(batch), reasons(batch)) == ([], ["not valid UTF-8: the file is UTF-16"])

    def test_byte_order_marks_and_line_ends_are_no_text(self, tmp_path):
        text = "\ufeff" + lines({"_id": "1", "text": "x"}, {"_id": "2", "text": "y"})
        write(tmp_path / "b.jsonl", text.replace("\n", "\r\n"))
        assert [(d.id, d.text) for d in read_batch(tmp_path).documents] == [("1", "x"), ("2", "y")]


class TestPacked:
    def zst(self, data: bytes) -> bytes:
        return bytes(pa.compress(data, codec="zstd", asbytes=True))

    def rows(self, count: int) -> bytes:
        return b"".join(
            b'{"_id": "%d", "text": "%s"}\n' % (n, os.urandom(40).hex().encode())
            for n in range(count)
        )

    def test_parts_one_after_another_are_one_file(self, tmp_path):
        one, two = (lines({"_id": n, "text": "x"}).encode() for n in "12")
        write(tmp_path / "a.jsonl.zst", self.zst(one) + self.zst(two))
        write(tmp_path / "b.jsonl.gz", gzip.compress(one) + gzip.compress(two))
        batch = read_batch(tmp_path)
        assert (ids(batch), len(reasons(batch))) == (["1", "2"], 2)

    def test_a_truncated_zst_gives_the_lines_before_the_cut(self, tmp_path):
        whole = self.zst(self.rows(20_000))
        batch = read_batch(write(tmp_path / "b.jsonl.zst", whole[: len(whole) // 2]))
        assert len(batch.documents) > 5000
        assert reasons(batch) == ["the compressed file is cut off here"]

    def test_a_damaged_zst_is_one_note(self, tmp_path):
        batch = read_batch(write(tmp_path / "b.jsonl.zst", b"never packed"))
        assert reasons(batch) == ["the compressed file is damaged here"]

    @pytest.mark.parametrize("kind", ["gz", "zst"])
    @pytest.mark.parametrize("filling", [b"\n", b" "])
    def test_a_bomb_is_not_unpacked_to_its_end(self, tmp_path, monkeypatch, kind, filling):
        monkeypatch.setattr(packed, "EXPANSION_ALLOWANCE", 100_000)
        data = b'{"_id": 1, "text": "x"}\n' + filling * 4_000_000
        write(tmp_path / f"b.jsonl.{kind}", gzip.compress(data) if kind == "gz" else self.zst(data))
        batch = read_batch(tmp_path)
        assert ids(batch) == ["1"]
        assert reasons(batch) == ["unpacks to more than 200 times its size"]


def test_a_flood_of_bad_lines_is_counted_and_not_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LISTED", 10)
    batch = read_batch(write(tmp_path / "b.jsonl", b"x\n" * 1000 + b'{"_id": "1", "text": "x"}'))
    assert ids(batch) == ["1"]
    assert len(batch.quarantined) == 11
    assert reasons(batch)[-1] == "990 more are not listed"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("name", ["b.jsonl", "b.csv"])
def test_metadata_without_a_bottom_lose_their_row_only(tmp_path, opening, name):
    deep = opening * 100_000
    if name == "b.csv":
        quoted = deep.replace('"', '""')
        text = f'id,text,metadata\n1,x,"{quoted}"\n2,y,\n'
    else:
        text = '{"_id": "1", "text": "x", "metadata": ' + deep + '\n{"_id": "2", "text": "y"}\n'
    batch = read_batch(write(tmp_path / name, text))
    assert (ids(batch), reasons(batch)) == (["2"], ["nested too deeply"])


@pytest.mark.parametrize("told", ["\ud800 x", "x" * 1025])
@pytest.mark.parametrize("key", ["label", "instruction", "time"])
def test_what_a_batch_says_of_itself_is_checked_like_its_texts(tmp_path, key, told):
    write(tmp_path / "b" / "corpus.jsonl", lines({"_id": "1", "text": "x"}))
    write(tmp_path / "b" / "batch.json", json.dumps({key: told}))
    batch = read_batch(tmp_path / "b")
    assert ids(batch) == ["1"]
    assert getattr(batch, key) is None
    [reason] = reasons(batch)
    assert reason.startswith(f"the {key} is ")


def test_a_name_that_is_no_unicode_is_made_printable(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    write(folder / "corpus.jsonl", lines({"_id": "1", "text": "x"}))
    assert read_batch(folder).name == "caf\\udce9"
