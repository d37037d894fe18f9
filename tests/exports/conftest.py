"""A store with two experts made by hand: no test here asks how they came to be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import worlds

from flows.bootstrap import bootstrap
from flows.live import Live, open_live
from flows.modules import ExpertFacts, save_modules
from flows.night import update
from flows.publication import publish
from nightshift.cli import main, output
from pipeline.experts import prefix
from pipeline.experts.lora import LoraExpert
from pipeline.experts.prefix import PrefixExpert
from pipeline.experts.tuned import Tuned
from pipeline.head import Head
from pipeline.overlay import AS_IS, Overlay, lay_by
from state.store import Store

Run = Callable[..., tuple[int, str, str]]
PROMPT = "seatopicaa lawtopicab "


@pytest.fixture
def run(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type `nightshift` and these words: exit code, stdout, stderr."""
    monkeypatch.setenv("NIGHTSHIFT_STORE", str(store.root))

    def typed(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["nightshift", *map(str, words)])
        monkeypatch.setattr(output, "debugging", False)
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main.run()
        printed = capsys.readouterr()
        return int(leaving.value.code or 0), printed.out, printed.err

    return typed


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder, which wants a prompt before every query."""
    folder = worlds.save_tiny_encoder(tmp_path_factory.mktemp("encoder"))
    page = {"prompts": {"query": PROMPT}, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(page))
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path) -> Store:
    """Version 1 is frozen; 2 has a long document more and one less; 3 the experts e1, which has a
    head, and e2, a prefix."""
    folder = tmp_path_factory.mktemp("exports")
    corpus = worlds.write_batch(folder / "corpus", "sea", range(60))
    bootstrap(folder / "store", [corpus], encoder=str(encoder_folder))
    store = Store.open(folder / "store")
    words = " ".join(worlds.document("sea", n)["text"] for n in range(100, 130))
    more = [{"_id": "long", "title": "Long", "text": words}, {"_id": "sea-7", "_deleted": True}]
    (folder / "night.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more))
    update(store, [folder / "night.jsonl"])
    with store.writing(), open_live(store) as live:
        _grow(live)
    return store


def _grow(live: Live) -> None:
    """Publish a version whose kind is served by e1, and a second kind by the prefix e2."""
    modules, encoder = live.modules, live.encoder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefix, "TOKENS", 8)
        experts: dict[str, Tuned] = {
            "e1": _taught(LoraExpert.new(encoder, "e1", seed=1)),
            "e2": _taught(PrefixExpert.new(encoder, "e2", seed=1)),
        }
    head = Head.new(encoder.dimension, seed=3)
    overlay = Overlay((lay_by(head, live.library, live.library.number_of),), AS_IS, head)
    facts = {
        "e1": _facts("e1", "lora+head", "k1", experts["e1"], scale=(1.0, 0.0)),
        "e2": _facts("e2", "prefix", "k2", experts["e2"]),
    }
    points = modules.router.prototypes["k1"]
    router = replace(
        modules.router,
        prototypes={"k1": points, "k2": -points},
        experts={"k1": "e1", "k2": "e2"},
        floor=-1.0,
    )
    first = modules.kinds["k1"]
    kinds = {
        "k1": replace(first, expert="e1"),
        "k2": replace(first, id="k2", name="ore|slag", expert="e2"),
    }
    grown = replace(modules, kinds=kinds, experts=facts, router=router)
    manifest = live.manifest
    publish(
        live.store,
        manifest,
        kind="night",
        reason="by hand",
        encoder=manifest.encoder,
        index=manifest.index,
        modules=save_modules(live.store, grown, None, experts, {"e1": overlay}),
        facts=manifest.facts,
    )


def _taught(expert: Tuned) -> Tuned:
    generator = torch.Generator().manual_seed(5)
    state = expert.state()
    expert.restore(
        {n: w + torch.randn(w.shape, generator=generator) / 4 for n, w in sorted(state.items())}
    )
    return expert


def _facts(
    name: str, method: str, kind: str, expert: Tuned, scale: tuple[float, float] | None = None
) -> ExpertFacts:
    count = expert.parameter_count
    gate = {"interval": [0.0, 0.1], "gain": 0.05}
    return ExpertFacts(name, method, kind, None, 3, count, 10, 1.0, gate, scale)
