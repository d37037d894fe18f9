"""The first version: a corpus becomes a frozen index and the statistics of its kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flows.clock import Clock
from flows.encoding import as_known, encode, sample, write_segments
from flows.founding import first_router, kinds_of, layers_that_tell
from flows.intake import ingest
from flows.live import TOMBSTONES, read_library, save_dead
from flows.modules import Modules, Pool, save_modules
from flows.night import Night, batch_facts, quarantine_facts
from flows.outcome import Outcome
from flows.prior import labels_of
from flows.publication import encoder_facts, library_facts, publish, size_facts
from flows.settings import Settings
from flows.shares import with_frozen_shares
from nightshift.errors import BatchError
from pipeline.batch import read_batch, together
from pipeline.checkpoint import locate
from pipeline.detector import choose_layers
from pipeline.encoder import Encoder
from pipeline.library import Library
from pipeline.progress import Progress, silent
from state.store import Store


def bootstrap(
    root: Path,
    corpora: Sequence[Path],
    *,
    encoder: str | None = None,
    settings: Settings | None = None,
    loaded: Encoder | None = None,
    progress: Progress = silent,
) -> Night:
    """Make a store at `root` whose version 1 holds everything in `corpora`.

    `loaded` is the encoder where it is in memory already.
    """
    settings = settings or Settings()
    encoder = encoder or settings.encoder
    clock = Clock()
    with clock("ingest"):
        batches = [read_batch(path) for path in corpora]
        whole = together(batches)
        intake = ingest(whole, Library({}, {}))
        documents = intake.documents
    if not len(documents):
        where = ", ".join(str(path) for path in corpora)
        raise BatchError(
            f"{where} has no document that can be used",
            hint=f'look at {where}: a corpus is lines of {{"_id", "title", "text"}}',
        )
    store = Store.create(root)
    with store.writing():
        model = loaded or Encoder(locate(encoder))
        with clock("encode"):
            some = sample(documents)
            read = encode(model, some, range(model.layer_count), {}, progress)
        with clock("detect"):
            auroc = layers_that_tell(model, some, read)
            layers = choose_layers(auroc)
        with clock("encode"):
            known = as_known(some, read, layers)
            encoding, index = write_segments(store, model, documents, layers, known, 1, progress)
            index[TOMBSTONES] = store.objects.put(lambda folder: save_dead({}, folder))
        with clock("detect"):
            kinds = kinds_of(model, documents, encoding, intake.pairs, settings.seed)
            if len(batches) == 1:
                labels = labels_of(batches[0])
                kinds = {id_: replace(kind, labels=labels) for id_, kind in kinds.items()}
        modules = Modules(
            tuple(layers),
            tuple(float(value) for value in auroc),
            kinds,
            {},
            first_router(kinds, settings.seed),
            Pool.empty(len(layers), model.dimension),
        )
        with clock("gate"):
            library = read_library(store, index)
            lexical = library.lexical if settings.lexical else None
            shelves = library.index(settings.index, store.root / "cache")
            modules = with_frozen_shares(modules, library, shelves, lexical)
        repeated = sum(len(batch.documents) for batch in batches) - len(whole.documents)
        counts = {**intake.counts, "updated": repeated}
        outcomes = tuple(
            Outcome(kind.name, kind.documents, "absorb", "the first corpus", kind_id=kind.id)
            for kind in kinds.values()
        )
        encoded = read.encoded + encoding.encoded
        facts = {
            "batches": [batch_facts(batch) for batch in batches],
            "outcomes": [outcome.as_json() for outcome in outcomes],
            "documents": counts,
            "encoded": encoded,
            "seconds": clock.seconds,
            "detection": {"layers": layers, "auroc": list(modules.auroc)},
            "quarantined": quarantine_facts(intake),
            "settings": settings.as_json(),
            "libraries": library_facts(),
            **size_facts(modules, len(documents)),
        }
        with clock("publish"):
            published = publish(
                store,
                None,
                kind="init",
                reason=f"first corpus: {', '.join(batch.name for batch in batches)}",
                encoder=encoder_facts(model, encoder),
                index=index,
                modules=save_modules(store, modules, None, {}),
                facts=facts,
            )
    names = "+".join(batch.name for batch in batches)
    return Night(names, published.version, outcomes, counts, encoded, clock.seconds)
