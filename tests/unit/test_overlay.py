"""An overlay changes the scores of its documents for its expert's queries, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import WORDS
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.composition.methods import HALVES
from pipeline.documents import Document, Key, passage_text, passages
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.lora import LoraExpert
from pipeline.index import Found
from pipeline.library import Library
from pipeline.overlay import COMPARED, Overlaid, Overlay, Part, Scale, calibrate, lay
from pipeline.retriever import Retriever
from pipeline.router import FROZEN, Router
from pipeline.segment import Segment, write_segment

DIMENSION, DOCUMENTS = 8, 40
random = np.random.default_rng(0)


def drawn(rows: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(rows, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def document(number: int, version: int = 0) -> Document:
    """Every third document has two passages."""
    words = 9 if number % 3 else 300
    return Document("s", str(number), "", " ".join([f"{number} {version}", *["word"] * words]))


def with_night(library: Library, root: Path, documents: list[Document]) -> Library:
    """The library after a night; documents that were there are replaced."""
    folder = root / f"segment{len(library.segments)}"
    folder.mkdir()
    cuts = [passages(document) for document in documents]
    vectors = drawn(sum(map(len, cuts)), seed=len(library.segments))
    write_segment(folder, documents, cuts, vectors, np.zeros((len(documents), 1, 4), np.float16))
    dead = library.without([d.key for d in documents if d.key in library.number_of])
    return Library({**library.segments, folder.name: Segment(folder)}, dead)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root = tmp_path_factory.mktemp("library")
    return with_night(Library({}, {}), root, [document(n) for n in range(DOCUMENTS)])


def part_of(library: Library, keys: list[Key], seed: int = 9) -> Part:
    numbers = [library.number_of[key] for key in keys]
    first = np.concatenate([[0], np.cumsum([len(library.vectors(n)) for n in numbers])])
    hashes = tuple(library.text_hash(number) for number in numbers)
    return Part(tuple(keys), hashes, first.astype(np.int64), drawn(int(first[-1]), seed))


def by_hand(
    library: Library,
    overlay: Overlay,
    composed: Vectors,
    frozen: Vectors,
    learned: Vectors,
    k: int,
) -> list[list[tuple[int, float]]]:
    """Every live document scored one by one."""
    laid = overlay.vectors(library)
    lines = []
    for c, f, e in zip(composed, frozen, learned, strict=True):
        scores = {}
        for number in library.number_of.values():
            rows = library.vectors(number)
            if number in laid:
                best = (0.5 * rows @ f + 0.5 * laid[number] @ e).max()
                scores[number] = overlay.scale.slope * best + overlay.scale.shift
            else:
                scores[number] = (rows @ c).max()
        lines.append(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k])
    return lines


def numbers(found: list[list[Found]]) -> list[list[int]]:
    return [[hit.number for hit in hits] for hits in found]


@given(
    laid=st.sets(st.integers(0, DOCUMENTS - 1)),
    seed=st.integers(0, 999),
    k=st.integers(1, DOCUMENTS + 3),
    slope=st.floats(0.2, 3),
    shift=st.floats(-1, 1),
)
@settings(max_examples=30)
def test_search_is_what_scoring_every_document_by_hand_finds(
    library: Library, laid: set[int], seed: int, k: int, slope: float, shift: float
) -> None:
    keys = [("s", str(number)) for number in sorted(laid)]
    overlay = Overlay((part_of(library, keys, seed),), Scale(slope, shift))
    composed, frozen, learned = (drawn(3, seed + n) for n in (1, 2, 3))
    found = Overlaid(overlay, library, library.index()).search(composed, frozen, learned, k)
    expected = by_hand(library, overlay, composed, frozen, learned, k)
    for hits, line in zip(found, expected, strict=True):
        assert len(hits) == len(line)
        assert np.allclose([hit.score for hit in hits], [score for _, score in line], atol=1e-5)
        # Scores this close may stand either way round.
        if np.diff([score for _, score in line]).max(initial=-1) < -1e-5:
            assert [hit.number for hit in hits] == [number for number, _ in line]


def test_a_hit_names_the_passage_that_matched(library: Library) -> None:
    overlay = Overlay((part_of(library, [("s", "3")]),))
    second = overlay.parts[0].vectors[1:2]
    overlaid = Overlaid(overlay, library, library.index())
    [[hit]] = overlaid.search(-second, second * 0, second * 4, 1)
    assert (hit.number, hit.passage) == (3, 1)


def test_an_overlay_of_nothing_changes_nothing(library: Library) -> None:
    index, queries = library.index(), drawn(4, seed=5)
    bare = Overlaid(Overlay(()), library, index)
    assert bare.search(queries, queries, queries, 12) == index.search(queries, 12)
    beneath = index.without([])
    assert beneath.search(queries, 12) == index.search(queries, 12)


def test_hidden_documents_are_not_found_and_the_index_is_as_it_was(library: Library) -> None:
    index, queries = library.index(), drawn(4, seed=5)
    before = index.search(queries, DOCUMENTS)
    hidden = [0, 3, 17, 39]
    found = index.without(hidden).search(queries, DOCUMENTS)
    assert all(len(hits) == DOCUMENTS - len(hidden) for hits in found)
    assert found == [[hit for hit in hits if hit.number not in hidden] for hits in before]
    assert index.search(queries, DOCUMENTS) == before


def test_who_died_is_never_found_and_who_changed_speaks_with_his_new_frozen_vector(
    library: Library, tmp_path: Path
) -> None:
    keys = [("s", str(number)) for number in range(20)]
    overlay = Overlay((part_of(library, keys),), Scale(1.0, 5.0))  # above all others
    later = with_night(library, tmp_path, [document(4, version=1), document(40)])
    later = Library(later.segments, later.without([("s", "5")]))
    queries = drawn(5, seed=6)
    found = Overlaid(overlay, later, later.index()).search(queries, queries, queries, 60)
    changed = later.number_of["s", "4"]
    for hits in found:
        assert {hit.number for hit in hits} == set(later.number_of.values())
        high = {hit.number for hit in hits if hit.score > 2}
        assert high == {later.number_of[key] for key in keys if key[1] not in ("4", "5")}
    frozen = later.index().search(queries, 60)
    score = [{hit.number: hit.score for hit in hits}[changed] for hits in frozen]
    assert [{h.number: h.score for h in hits}[changed] for hits in found] == score


def test_a_text_that_comes_back_is_overlaid_again(library: Library, tmp_path: Path) -> None:
    overlay = Overlay((part_of(library, [("s", "4")]),))
    changed = with_night(library, tmp_path, [document(4, version=1)])
    back = with_night(changed, tmp_path, [document(4)])
    assert not overlay.vectors(changed)
    assert list(overlay.vectors(back)) == [back.number_of["s", "4"]]


def test_documents_of_later_nights_join_in_a_part_of_their_own(
    library: Library, tmp_path: Path
) -> None:
    first = part_of(library, [("s", "1"), ("s", "3")], seed=1)
    later = with_night(library, tmp_path, [document(50)])
    second = part_of(later, [("s", "50")], seed=2)
    laid = Overlay((first, second)).vectors(later)
    assert sorted(laid) == [1, 3, later.number_of["s", "50"]]
    assert np.array_equal(laid[3], first.vectors[1:])
    assert np.array_equal(laid[later.number_of["s", "50"]], second.vectors)


@given(slope=st.floats(0.01, 100), shift=st.floats(-10, 10), seed=st.integers(0, 99))
def test_no_scale_changes_the_order_within_the_overlay(
    library: Library, slope: float, shift: float, seed: int
) -> None:
    overlay = Overlay((part_of(library, [("s", str(n)) for n in range(DOCUMENTS)], seed),))
    queries = drawn(3, seed), drawn(3, seed + 1), drawn(3, seed + 2)
    index = library.index()
    plain = Overlaid(overlay, library, index).search(*queries, DOCUMENTS)
    scaled = replace(overlay, scale=Scale(slope, shift))
    found = Overlaid(scaled, library, index).search(*queries, DOCUMENTS)
    assert numbers(found) == numbers(plain)


def test_calibrated_scores_have_the_mean_and_the_spread_of_those_beneath(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.overlay.COMPARED", 15)
    overlay = Overlay((part_of(library, [("s", str(n)) for n in range(30)]),))
    index = library.index()
    composed, frozen, learned = (drawn(25, seed) for seed in (21, 22, 23))
    queries = composed, frozen * 0.4, learned * 0.3
    scale = calibrate(Overlaid(overlay, library, index), *queries)
    assert scale.slope > 1.5
    overlaid = Overlaid(replace(overlay, scale=scale), library, index)
    above = overlaid.search(-9 * composed, frozen * 0.4, learned * 0.3, DOCUMENTS)
    beneath = index.search(composed, DOCUMENTS)

    def best(found: list[list[Found]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        laid = set(range(30))
        return np.array([[h.score for h in hits if h.number in laid][:15] for hits in found])

    assert best(above).mean() == pytest.approx(best(beneath).mean(), abs=1e-5)
    spreads = [best(found).std(axis=1).mean() for found in (above, beneath)]
    assert spreads[0] == pytest.approx(spreads[1], rel=1e-4)


def test_fewer_documents_than_are_compared_can_be_calibrated(library: Library) -> None:
    overlay = Overlay((part_of(library, [("s", "1")]),))
    queries = drawn(5, 1), drawn(5, 2), drawn(5, 3)
    assert len(overlay.parts[0].keys) < COMPARED
    assert calibrate(Overlaid(overlay, library, library.index()), *queries).slope == 1.0
    nothing = Overlaid(Overlay(()), library, library.index())
    assert calibrate(nothing, *queries) == Scale(1.0, 0.0)


def test_a_part_is_kept_as_it_was(library: Library, tmp_path: Path) -> None:
    part = part_of(library, [("s", "3"), ("s", "1")])
    part.save(tmp_path)
    kept = Part.load(tmp_path)
    assert (kept.keys, kept.text_hashes) == (part.keys, part.text_hashes)
    assert kept.first.tolist() == part.first.tolist()
    assert np.array_equal(kept.vectors, part.vectors)


def learned_expert(encoder: Encoder, name: str) -> LoraExpert:
    """An expert that learned something, whatever it is."""
    expert = LoraExpert.new(encoder, name, seed=1)
    generator = torch.Generator().manual_seed(1)
    weights = expert.state().items()
    expert.restore({n: torch.randn(w.shape, generator=generator) / 6 for n, w in weights})
    return expert


def test_laying_over_encodes_titles_and_passages_through_the_expert(
    tiny_encoder: Encoder, tmp_path: Path
) -> None:
    text = " ".join(WORDS[:200])
    documents = [Document("s", "1", WORDS[5], text), Document("s", "2", "", WORDS[7])]
    cuts = [passages(document) for document in documents]
    texts = [passage_text(d, cut) for d, some in zip(documents, cuts, strict=True) for cut in some]
    vectors = tiny_encoder.encode_documents(texts).vectors
    write_segment(tmp_path, documents, cuts, vectors, np.zeros((2, 1, 4), np.float16))
    library = Library({"s": Segment(tmp_path)}, {})
    expert = learned_expert(tiny_encoder, "e1")
    part = lay(tiny_encoder, expert, library, [("s", "2"), ("s", "gone"), ("s", "1")])
    with expert.attached():
        learned = tiny_encoder.encode_documents(texts).vectors
    expert.detach()
    assert part.keys == (("s", "1"), ("s", "2"))
    assert part.first.tolist() == [0, 2, 3]
    assert np.allclose(part.vectors, learned, atol=1e-6)
    assert not np.allclose(part.vectors, vectors, atol=1e-2)
    assert part.text_hashes == tuple(document.text_hash for document in documents)


def test_only_queries_that_belong_to_the_expert_see_its_overlay(
    tiny_encoder: Encoder, tmp_path: Path
) -> None:
    documents = [Document("s", str(n), "", " ".join(WORDS[n : n + 5])) for n in range(40)]
    cuts = [passages(document) for document in documents]
    vectors = tiny_encoder.encode_documents([d.text for d in documents]).vectors
    write_segment(tmp_path, documents, cuts, vectors, np.zeros((40, 1, 4), np.float16))
    library = Library({"s": Segment(tmp_path)}, {})
    queries = [" ".join(WORDS[n : n + 3]) for n in range(0, 60, 5)]
    frozen = tiny_encoder.encode_queries(queries)
    router = Router({"k1": frozen[:1], "k2": frozen[1:2]}, {"k1": "e1"}, sharpness=0.02)
    expert = learned_expert(tiny_encoder, "e1")
    index = library.index()
    overlay = Overlay((lay(tiny_encoder, expert, library, library.number_of),), Scale(1.0, 9.0))
    overlaid = Overlaid(overlay, library, index)
    bare = Retriever(tiny_encoder, {"e1": expert}, router, index)
    seen = Retriever(tiny_encoder, {"e1": expert}, router, index, {"e1": overlaid})
    answers = seen.ask(queries, 5)
    home = [route.get("e1", 0.0) >= 0.5 for route in answers.routes]
    some = [0.0 < route.get("e1", 0.0) < 0.5 for route in answers.routes]
    away = [route == {FROZEN: 1.0} for route in answers.routes]
    assert any(home)
    assert any(some)
    assert any(away)
    for own, hits, before in zip(home, answers.found, bare.ask(queries, 5).found, strict=True):
        assert all((hit.score > 7) == own for hit in hits)
        assert own or numbers([hits]) == numbers([before])
    with expert.attached():
        learned = tiny_encoder.encode_queries(queries)
    vectors = HALVES.learn(tiny_encoder, {"e1": expert}, queries, answers.routes)
    composed = HALVES.mix(frozen, answers.routes, vectors)
    direct = overlaid.search(composed, frozen, learned, 5)
    expert.detach()
    for own, hits, line in zip(home, answers.found, direct, strict=True):
        assert not own or numbers([hits]) == numbers([line])
    assert seen.ask_frozen(queries, 5).found == index.search(frozen, 5)
