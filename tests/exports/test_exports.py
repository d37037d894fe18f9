"""What an export holds is what the store holds, read by the library that it is meant for."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from conftest import weights_hash
from exporting import QUERIES, exported
from peft import PeftModel
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

from flows.live import Live, open_live
from nightshift.errors import NothingToDo
from nightshift.exports.formats import FORMATS, export
from nightshift.exports.sentence_transformers import COPIED, _describe
from pipeline.checkpoint import read_checkpoint
from pipeline.composition.base import unit
from pipeline.encoder import Encoder, Vectors, fingerprint
from pipeline.head import Head
from state.store import Store

ASKED_BY_PEFT = "ignore:.*is_gradient_checkpointing"
"""peft asks transformers for a name that transformers 5 is about to drop."""


def side_of(live: Live, expert: str) -> Vectors:
    """The queries as an expert alone sees them."""
    with live.experts[expert].attached():
        return live.encoder.encode_queries(QUERIES)


def sentences(folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def test_the_frozen_folder_is_the_encoder_itself(
    store: Store, tmp_path: Path, encoder_folder: Path
) -> None:
    done = exported(store, "sentence-transformers", tmp_path / "out")
    model = sentences(tmp_path / "out")
    with open_live(store) as live:
        library = live.library
        number = library.number_of["default", "long"]
        texts = library.texts(number)
        assert len(texts) > 1
        assert np.allclose(model.encode_document(texts), library.vectors(number), atol=1e-5)
        assert np.allclose(
            model.encode_query(QUERIES), live.encoder.encode_queries(QUERIES), atol=1e-5
        )
    weights = "model.safetensors"
    assert (tmp_path / "out" / weights).read_bytes() == (encoder_folder / weights).read_bytes()
    assert fingerprint(read_checkpoint(tmp_path / "out")) == done.fingerprint


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooling_length_and_prompts_are_said(
    pooling: str, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    asked = replace(
        read_checkpoint(tiny_encoder_folder),
        pooling=pooling,
        max_length=7,
        prompts={"document": "baba baba "},
    )
    for name in (*COPIED, "model.safetensors"):
        if (tiny_encoder_folder / name).exists():
            (tmp_path / name).write_bytes((tiny_encoder_folder / name).read_bytes())
    encoder = Encoder(asked)
    _describe(asked, encoder.dimension, tmp_path)
    texts = ["kiki lolo", "mumu nene baki " * 9]
    expected = encoder.encode_documents(texts).vectors
    assert np.allclose(sentences(tmp_path).encode_document(texts), expected, atol=1e-5)
    assert read_checkpoint(tmp_path).identity == asked.identity


def test_a_merged_folder_computes_the_experts_side_alone(store: Store, tmp_path: Path) -> None:
    """And the product's vector is the unit mean of that side and the frozen one."""
    exported(store, "sentence-transformers", tmp_path / "frozen")
    exported(store, "sentence-transformers", tmp_path / "merged", "e1")
    merged = sentences(tmp_path / "merged").encode_query(QUERIES)
    frozen = sentences(tmp_path / "frozen").encode_query(QUERIES)
    with open_live(store) as live:
        assert np.allclose(merged, side_of(live, "e1"), atol=1e-4)
        composition, routes = live.retriever.composition, [{"e1": 1.0} for _ in QUERIES]
        vectors = live.encoder.encode_queries(QUERIES)
        learned = composition.learn(live.encoder, live.experts, QUERIES, routes)
        searched = composition.mix(vectors, routes, learned)
    assert np.allclose(unit(frozen + merged), searched, atol=1e-4)
    assert not np.allclose(merged, searched, atol=0.02)
    page = (tmp_path / "merged" / "README.md").read_text("utf-8")
    assert "expert's side of a query\nalone, e(q)" in page
    assert "normalise(f(q) + e(q))" in page
    assert "The head of e1" in page


def test_merging_leaves_the_encoder_frozen_and_all_other_weights_alone(
    store: Store, tmp_path: Path, encoder_folder: Path
) -> None:
    with open_live(store) as live:
        before = weights_hash(live.encoder)
        export(live, "sentence-transformers", tmp_path / "out", "e1")
        assert weights_hash(live.encoder) != before, "the experts have moved in"
        for expert in live.experts.values():
            expert.detach()
        del live.__dict__["experts"]
        assert weights_hash(live.encoder) == before
    old = load_file(encoder_folder / "model.safetensors")
    new = load_file(tmp_path / "out" / "model.safetensors")
    assert old.keys() == new.keys()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed
    assert all(re.search(r"(query|key|value|dense)\.weight$", name) for name in changed)


@pytest.mark.filterwarnings(ASKED_BY_PEFT)
def test_peft_loads_every_adapter(store: Store, tmp_path: Path, encoder_folder: Path) -> None:
    exported(store, "peft", tmp_path / "out")
    with open_live(store) as live:
        for name in ("e1", "e2"):
            base = AutoModel.from_pretrained(encoder_folder, add_pooling_layer=False)
            theirs = PeftModel.from_pretrained(base, tmp_path / "out" / name).eval()
            for query, ours in zip(QUERIES, side_of(live, name), strict=True):
                ids = torch.tensor(live.encoder.tokenise([query], "query"))
                with torch.no_grad():
                    mean = theirs(ids).last_hidden_state[0].mean(dim=0)
                assert np.allclose((mean / mean.norm()).numpy(), ours, atol=1e-4)
        head = live.overlays["e1"].head
        assert head is not None
        assert np.array_equal(
            Head.load(tmp_path / "out" / "e1").rewrite(ours[None]), head.rewrite(ours[None])
        )
    page = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "ore/slag" in page
    assert "A head is not an adapter" in page


def test_one_expert_alone(store: Store, tmp_path: Path) -> None:
    exported(store, "peft", tmp_path / "out", "e2")
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["README.md", "e2"]


def test_vectors_are_those_of_the_live_passages(store: Store, tmp_path: Path) -> None:
    exported(store, "vectors", tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "vectors.parquet")
    assert str(table.schema.field("vector").type) == "fixed_size_list<element: float>[48]"
    rows = table.to_pylist()
    with open_live(store) as live:
        library = live.library
        assert {(row["source"], row["id"]) for row in rows} == set(library.number_of)
        assert ("default", "sea-7") not in library.number_of
        for row in rows:
            number = library.number_of[row["source"], row["id"]]
            cut = library.passage(number, row["passage"])
            assert (row["start"], row["end"]) == (cut.start, cut.end)
            vector = np.array(row["vector"], np.float32)
            assert np.array_equal(vector, library.vectors(number)[row["passage"]])


def test_an_older_version_is_exported_as_it_was(store: Store, tmp_path: Path) -> None:
    done = exported(store, "vectors", tmp_path / "out", version=1)
    assert done.version == 1
    rows = pq.read_table(tmp_path / "out" / "vectors.parquet", columns=["id"]).to_pylist()
    assert {"id": "sea-7"} in rows
    assert {"id": "long"} not in rows
    with pytest.raises(NothingToDo, match="no expert of version 1"):
        exported(store, "peft", tmp_path / "none", version=1)


@pytest.mark.parametrize("format", FORMATS)
def test_the_readme_says_what_it_is_and_no_path(
    format: str, store: Store, tmp_path: Path, encoder_folder: Path
) -> None:
    done = exported(store, format, tmp_path / "out")
    page = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "from version 3 of a nightshift store" in page
    assert done.fingerprint in page
    assert encoder_folder.name in page
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file():
            assert str(encoder_folder).encode() not in file.read_bytes()
            assert file.suffix not in {".bin", ".pt", ".pkl", ".py"}
            shown = file.relative_to(tmp_path / "out").as_posix()
            assert shown == "README.md" or f"| `{shown}` |" in page


@pytest.mark.filterwarnings(ASKED_BY_PEFT)
@pytest.mark.parametrize("format", FORMATS)
def test_the_example_in_the_readme_runs(
    format: str,
    store: Store,
    tmp_path: Path,
    encoder_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported(store, format, tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    [example] = re.findall(r"```python\n(.*?)```", Path("README.md").read_text("utf-8"), re.DOTALL)
    made: dict[str, Any] = {"ENCODER": str(encoder_folder)}
    exec(compile(example, "README.md", "exec"), made)
    made_by = {"sentence-transformers": "queries", "peft": "expert", "vectors": "rows"}
    assert made_by.get(format, "hits") in made
