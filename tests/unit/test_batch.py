import gzip
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.errors import BatchError
from pipeline.batch import Batch, read_batch
from pipeline.documents import Document, Pair
from pipeline.readers import Quarantined

MOON = {"_id": "moon", "title": "Moon", "text": "The moon pulls the sea."}
SAND = {"_id": "sand", "title": "", "text": "Sand is old rock.", "metadata": {"b": 1, "a": [2]}}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return path


def lines(*objects: object) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in objects)


def ids(batch: Batch) -> list[str]:
    return [document.id for document in batch.documents]


def test_a_whole_batch(tmp_path):
    write(tmp_path, "b/corpus.jsonl", lines(MOON, SAND, {"_id": "old", "_deleted": True}))
    write(tmp_path, "b/queries.jsonl", lines({"_id": "q1", "text": "Why tides?"}))
    write(tmp_path, "b/qrels/train.tsv", "query-id\tcorpus-id\tscore\nq1\tmoon\t1\n")
    about = {"source": "sea", "label": "tides", "instruction": "Find facts", "time": "2026-03-01"}
    write(tmp_path, "b/batch.json", json.dumps(about | {"colour": "blue"}))
    batch = read_batch(tmp_path / "b")
    assert tuple(batch.documents) == (
        Document("sea", "moon", "Moon", "The moon pulls the sea."),
        Document("sea", "sand", "", "Sand is old rock.", '{"a":[2],"b":1}'),
    )
    assert batch.deleted == (("sea", "old"),)
    assert batch.pairs == (Pair("Why tides?", ("sea", "moon")),)
    assert (batch.name, batch.source, batch.label) == ("b", "sea", "tides")
    assert (batch.instruction, batch.time) == ("Find facts", "2026-03-01")
    assert (batch.snapshot, batch.quarantined) == (False, ())


@pytest.mark.parametrize(
    "files",
    [
        {"corpus.jsonl": [MOON, SAND]},
        {"corpus.jsonl.gz": [MOON, SAND]},
        {"corpus.jsonl": [MOON], "corpus.jsonl.gz": [SAND]},
        {"a.jsonl": [MOON], "b.jsonl.gz": [SAND]},
        {"a.jsonl": [MOON, SAND], "queries.jsonl": [{"_id": "q", "text": "Why?"}]},
        {"corpus.jsonl": [MOON, SAND], "rejected.jsonl": [{"_id": "no", "text": "no"}]},
    ],
)
def test_corpora_go_by_several_names(tmp_path, files):
    for name, objects in files.items():
        write(tmp_path, name, lines(*objects))
    write(tmp_path, "README.md", "# How these were made")
    batch = read_batch(tmp_path)
    assert ids(batch) == ["moon", "sand"]
    assert batch.quarantined == ()


@pytest.mark.parametrize("name", ["news.jsonl", "news.jsonl.gz"])
def test_a_batch_may_be_one_file(tmp_path, name):
    batch = read_batch(write(tmp_path, name, lines(MOON)), "sea")
    assert (batch.name, batch.source, batch.snapshot) == (name, "sea", False)
    assert batch.documents[0].key == ("sea", "moon")


def test_an_empty_corpus_is_an_empty_batch(tmp_path):
    write(tmp_path, "corpus.jsonl", "")
    assert ids(read_batch(tmp_path)) == []


class TestWhatIsNoBatch:
    @pytest.mark.parametrize("name", ["notes.pdf", "readme.md", "b/picture.png", "b/.hidden.jsonl"])
    def test_other_files(self, tmp_path, name):
        path = write(tmp_path, name, "x")
        path = path if path.parent == tmp_path else path.parent
        with pytest.raises(BatchError, match=r"corpus\.jsonl") as caught:
            read_batch(path)
        assert str(path) in caught.value.message
        assert caught.value.hint == f"ls {path}"

    def test_nothing_at_all(self, tmp_path):
        with pytest.raises(BatchError) as caught:
            read_batch(tmp_path / "gone")
        assert caught.value.hint == f"ls {tmp_path}"

    def test_an_empty_folder_is_not_the_end_of_all_documents(self, tmp_path):
        with pytest.raises(BatchError):
            read_batch(tmp_path)

    @pytest.mark.parametrize(
        "settings",
        ["{", "[]", '{"source": 7}', '{"source": ""}', '{"source": "\\ud800"}', b"\xff", ""],
    )
    def test_a_source_in_doubt(self, tmp_path, settings):
        write(tmp_path, "corpus.jsonl", lines(MOON))
        write(tmp_path, "batch.json", settings)
        with pytest.raises(BatchError, match=r"batch\.json does not say which source") as caught:
            read_batch(tmp_path)
        assert caught.value.hint == f"python -m json.tool {tmp_path}/batch.json"


def test_settings_other_than_the_source_are_only_dropped(tmp_path):
    write(tmp_path, "corpus.jsonl", lines(MOON))
    write(tmp_path, "batch.json", '\ufeff{"label": 3, "time": null, "instruction": "Find"}')
    batch = read_batch(tmp_path, "sea")
    assert (batch.source, batch.label, batch.instruction) == ("sea", None, "Find")
    assert batch.quarantined == (Quarantined("batch.json", "the label is not a string"),)


class TestTexts:
    def test_a_folder_of_texts_is_a_snapshot(self, tmp_path):
        write(tmp_path, "tides.md", "Before.\n```\n# code\n```\n## Low tide ##\nThe sea goes.\n")
        write(tmp_path, "sub/deep/sand.TXT", "# not a heading here")
        write(tmp_path, "sub/plain.md", "No heading.")
        write(tmp_path, "batch.json", '{"source": "coast"}')
        batch = read_batch(tmp_path)
        assert batch.snapshot
        assert [(d.source, d.id, d.title) for d in batch.documents] == [
            ("coast", "sub/deep/sand.TXT", "sand"),
            ("coast", "sub/plain.md", "plain"),
            ("coast", "tides.md", "Low tide"),
        ]
        assert batch.documents[2].text.startswith("Before.")

    def test_what_cannot_be_read_is_quarantined_but_has_not_vanished(self, tmp_path):
        write(tmp_path, "good.md", "\ufeffGood.")
        write(tmp_path, "empty.txt", " \n")
        write(tmp_path, "latin.md", b"caf\xe9")
        write(tmp_path, "huge.txt", "x" * 10_000_001)
        with (tmp_path / "vast.txt").open("wb") as file:
            file.truncate(100_000_000)
        batch = read_batch(tmp_path)
        assert [d.text for d in batch.documents] == ["Good."]
        assert sorted((q.where, q.reason) for q in batch.quarantined) == [
            ("empty.txt", "the file is empty"),
            ("huge.txt", "longer than 10,000,000 characters"),
            ("latin.md", "not valid UTF-8 at byte 4"),
            ("vast.txt", "longer than 10,000,000 characters"),
        ]
        assert batch.present == {
            (tmp_path.name, name)
            for name in ("good.md", "empty.txt", "latin.md", "huge.txt", "vast.txt")
        }

    def test_without_a_named_source_a_folder_speaks_for_itself_alone(self, tmp_path):
        """What it holds no more is deleted: nobody else's documents may be meant."""
        for name in ("notes", "manuals"):
            write(tmp_path, f"{name}/a.md", name)
        write(tmp_path, "manuals/batch.json", '{"label": "how-to"}')
        batches = [read_batch(tmp_path / name) for name in ("notes", "manuals")]
        assert [batch.source for batch in batches] == ["notes", "manuals"]
        assert [document.source for batch in batches for document in batch.documents] == [
            "notes",
            "manuals",
        ]

    def test_a_folder_that_cannot_be_listed_has_not_vanished(self, tmp_path, monkeypatch):
        write(tmp_path, "a.md", "here")
        write(tmp_path, "sub/b.md", "and here")
        listed = os.scandir

        def refused(path):
            if str(path).endswith("sub"):
                raise PermissionError(13, "Permission denied", str(path))
            return listed(path)

        monkeypatch.setattr(os, "scandir", refused)
        with pytest.raises(BatchError, match="cannot be read: Permission denied"):
            read_batch(tmp_path)

    def test_nothing_outside_of_the_folder_is_read(self, tmp_path):
        secret = write(tmp_path, "outside/secret.md", "secret")
        write(tmp_path, "b/good.md", "good")
        write(tmp_path, "b/.git/config.txt", "hidden")
        write(tmp_path, "b/.draft.md", "hidden")
        (tmp_path / "b/link.md").symlink_to(secret)
        (tmp_path / "b/folder").symlink_to(secret.parent)
        batch = read_batch(tmp_path / "b")
        assert ids(batch) == ["good.md"]
        assert [q.where for q in batch.quarantined] == ["folder", "link.md"]

    def test_file_names_of_any_bytes_can_be_reported(self, tmp_path):
        write(tmp_path, "good.md", "good")
        write(tmp_path, "bad\udce9.md", "bad")
        [entry] = read_batch(tmp_path).quarantined
        assert entry.where == "bad\\udce9.md"


@pytest.mark.parametrize("name", ["corpus.jsonl", "batch.json", "qrels"])
def test_links_in_place_of_the_known_files_are_not_followed(tmp_path, name):
    outside = tmp_path / "outside"
    write(outside, "corpus.jsonl", lines(MOON))
    write(outside, "batch.json", "{}")
    write(outside, "qrels/train.tsv", "q\tmoon\t1\n")
    write(tmp_path, "b/queries.jsonl", lines({"_id": "q", "text": "Why tides?"}))
    if name != "corpus.jsonl":
        write(tmp_path, "b/corpus.jsonl", lines(MOON))
    (tmp_path / "b" / name).symlink_to(outside / name)
    if name == "qrels":
        assert read_batch(tmp_path / "b").pairs == ()
    else:
        with pytest.raises(BatchError):
            read_batch(tmp_path / "b")


class TestDigest:
    def files(self, folder: Path) -> Path:
        write(folder, "b.jsonl", lines(SAND))
        write(folder, "a.jsonl", lines(MOON))
        write(folder, "batch.json", "{}")
        return folder

    def test_the_place_does_not_matter(self, tmp_path):
        one, other = self.files(tmp_path / "one"), tmp_path / "deep" / "er" / "other"
        shutil.copytree(one, other)
        assert read_batch(one).digest == read_batch(other).digest

    def test_files_that_are_not_read_do_not_matter(self, tmp_path):
        before = read_batch(self.files(tmp_path)).digest
        write(tmp_path, "NOTES", "x")
        write(tmp_path, ".state", "x")
        write(tmp_path, "qrels/test.tsv", "q\td\t1\n")
        assert read_batch(tmp_path).digest == before

    @pytest.mark.parametrize("name", ["a.jsonl", "batch.json"])
    def test_every_byte_that_is_read_matters(self, tmp_path, name):
        before = read_batch(self.files(tmp_path)).digest
        with (tmp_path / name).open("ab") as file:
            file.write(b"\n")
        assert read_batch(tmp_path).digest != before

    def test_names_matter(self, tmp_path):
        before = read_batch(self.files(tmp_path)).digest
        (tmp_path / "a.jsonl").rename(tmp_path / "c.jsonl")
        assert read_batch(tmp_path).digest != before


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=4), st.randoms())
def test_the_order_in_which_files_were_written_does_not_matter(contents, random):
    with tempfile.TemporaryDirectory() as folder:
        named = [(f"{n}.jsonl", data) for n, data in enumerate(contents)]
        for name, data in named:
            write(Path(folder, "one"), name, data)
        random.shuffle(named)
        for name, data in named:
            write(Path(folder, "two"), name, data)
        one, two = read_batch(Path(folder, "one")), read_batch(Path(folder, "two"))
        assert (one.digest, list(one.documents)) == (two.digest, list(two.documents))


@given(corpus=st.binary(max_size=200), qrels=st.binary(max_size=60), text=st.binary(max_size=60))
def test_a_batch_of_any_bytes_is_read(corpus, qrels, text):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "b/corpus.jsonl", corpus)
        write(Path(folder), "b/queries.jsonl", corpus)
        write(Path(folder), "b/qrels/train.tsv", qrels)
        write(Path(folder), "texts/a.md", text)
        read_batch(Path(folder, "b"))
        read_batch(Path(folder, "texts"))
