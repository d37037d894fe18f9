"""The encoder, which in a benchmark reads no text twice: vectors are kept by content.

What is kept comes with the CPU seconds it took, so that a system which finds everything encoded
is still charged for it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from pipeline.checkpoint import Checkpoint
from pipeline.encoder import Encoded, Encoder, Vectors
from pipeline.progress import Progress, silent

AT_ONCE = 512
DOCUMENT, QUERY = "document", "query"


class CachedEncoder(Encoder):
    """The encoder of `checkpoint`; `saved` are the CPU seconds that others had spent before, on
    documents and on queries.

    Documents are kept with the features of all layers, in files of `folder` that are only added
    to; so are queries as the frozen encoder sees them. What experts make of queries is kept in
    memory alone, by the experts' weights.
    """

    def __init__(self, checkpoint: Checkpoint, folder: Path) -> None:
        super().__init__(checkpoint)
        self.saved_on = {DOCUMENT: 0.0, QUERY: 0.0}
        self._kept = {
            side: _Kept(folder / self.fingerprint[:16], side) for side in (DOCUMENT, QUERY)
        }
        self._learned: dict[tuple[str, str], tuple[Vectors, float]] = {}

    @property
    def saved(self) -> float:
        return sum(self.saved_on.values())

    def encode_documents(self, texts: Sequence[str], progress: Progress = silent) -> Encoded:
        if self.guest is not None:
            return super().encode_documents(texts, progress)
        kept = self._kept[DOCUMENT]
        names = [kept.name(text) for text in texts]
        fresh = list({name: row for row, name in enumerate(names) if name not in kept}.values())
        fresh_names = {names[row] for row in fresh}
        for start in range(0, len(fresh), AT_ONCE):
            rows = fresh[start : start + AT_ONCE]
            some = [texts[row] for row in rows]
            began = time.process_time()
            encoded = super().encode_documents(some)
            spent = time.process_time() - began
            kept.add([names[row] for row in rows], encoded.vectors, encoded.layers, spent, some)
            progress("encoding", start + len(rows), len(fresh))
        saved = sum(kept.seconds(name) for name in names if name not in fresh_names)
        self.saved_on[DOCUMENT] += saved
        if not names:
            return super().encode_documents(texts)
        found = [kept[name] for name in names]
        return Encoded(np.stack([v for v, _ in found]), np.stack([f for _, f in found]))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        active = self._active()
        if active is not None:
            return self._through(active, texts)
        kept = self._kept[QUERY]
        names = [kept.name(text) for text in texts]
        fresh = list({name: row for row, name in enumerate(names) if name not in kept}.values())
        self.saved_on[QUERY] += sum(kept.seconds(name) for name in names if name in kept)
        if fresh:
            some = [texts[row] for row in fresh]
            began = time.process_time()
            vectors = super().encode_queries(some)
            spent = time.process_time() - began
            none = np.empty((len(some), 0, self.dimension), np.float16)
            kept.add([names[row] for row in fresh], vectors, none, spent, some)
        if not names:
            return super().encode_queries(texts)
        return np.stack([kept[name][0] for name in names])

    def forget(self) -> None:
        """Let go of what experts made of queries; another system has others."""
        self._learned.clear()

    def _through(self, active: str, texts: Sequence[str]) -> Vectors:
        fresh = list(dict.fromkeys(text for text in texts if (active, text) not in self._learned))
        known = set(texts) - set(fresh)
        self.saved_on[QUERY] += sum(self._learned[active, text][1] for text in known)
        if fresh:
            began = time.process_time()
            vectors = super().encode_queries(fresh)
            each = (time.process_time() - began) / len(fresh)
            for text, vector in zip(fresh, vectors, strict=True):
                self._learned[active, text] = vector, each
        if not texts:
            return super().encode_queries(texts)
        return np.stack([self._learned[active, text][0] for text in texts])

    def _active(self) -> str | None:
        """What names the weights of the expert that queries run through now, if there is one."""
        if self.guest is None:
            return None
        digest = hashlib.sha256(self.guest.method.encode())
        for name, weight in sorted(self.guest.state().items()):
            digest.update(name.encode() + weight.numpy().tobytes())
        return digest.hexdigest()


class _Kept:
    """Vectors and features by the hash of a text, in files that are written once."""

    def __init__(self, folder: Path, side: str) -> None:
        self.folder = folder
        self.side = side
        self._vectors: dict[str, tuple[Vectors, npt.NDArray[np.float16]]] = {}
        self._seconds: dict[str, float] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.glob(f"{side}-*.safetensors")):
            page = load_file(file)
            names = [bytes(row).hex() for row in page["names"]]
            self._take(names, page["vectors"], page["layers"], page["seconds"])

    def name(self, text: str) -> str:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def __contains__(self, name: str) -> bool:
        return name in self._vectors

    def __getitem__(self, name: str) -> tuple[Vectors, npt.NDArray[np.float16]]:
        return self._vectors[name]

    def seconds(self, name: str) -> float:
        return self._seconds[name]

    def add(
        self,
        names: list[str],
        vectors: Vectors,
        layers: npt.NDArray[np.float16],
        spent: float,
        texts: Sequence[str],
    ) -> None:
        """Keep some texts; the seconds are shared out by length."""
        lengths = np.array([20 + len(text) for text in texts], np.float64)
        seconds = (spent * lengths / lengths.sum()).astype(np.float32)
        page = {
            "names": np.array([list(bytes.fromhex(name)) for name in names], np.uint8),
            "vectors": np.ascontiguousarray(vectors),
            "layers": np.ascontiguousarray(layers),
            "seconds": seconds,
        }
        digest = hashlib.sha256("".join(sorted(names)).encode()).hexdigest()[:16]
        temporary = self.folder / f".{self.side}-{digest}"
        save_file(page, temporary)
        os.replace(temporary, self.folder / f"{self.side}-{digest}.safetensors")
        self._take(names, vectors, layers, seconds)

    def _take(
        self,
        names: list[str],
        vectors: Vectors,
        layers: npt.NDArray[np.float16],
        seconds: npt.NDArray[np.float32],
    ) -> None:
        for row, name in enumerate(names):
            self._vectors[name] = vectors[row], layers[row]
            self._seconds[name] = float(seconds[row])
