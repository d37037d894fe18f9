"""Every format by its name, and how a version becomes a folder of one of them.

| format | what it holds | what it cannot hold |
|---|---|---|
| sentence-transformers | the encoder, or one LoRA expert merged into it | prefixes, heads |
| peft | adapters of the experts that serve | a head is no adapter; it lies beside |
| vectors | the frozen vector of every passage | experts and heads |
| faiss | the same as one index | experts and heads |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.live import Live
from nightshift.errors import UsageError
from nightshift.exports import faiss, peft, sentence_transformers, vectors
from nightshift.exports.base import Format
from state.folder import new_folder

FORMATS: Mapping[str, Format] = {
    "sentence-transformers": sentence_transformers.write,
    "peft": peft.write,
    "vectors": vectors.write,
    "faiss": faiss.write,
}
README = """\
# {format}, from version {version} of a nightshift store

{page}
| | |
|---|---|
| version | {version}, published {time} |
| encoder | {name} |
| its fingerprint | `{fingerprint}` |
{files}"""


@dataclass(frozen=True)
class Exported:
    """What was written where; `files` by name, with their sizes in bytes."""

    format: str
    folder: Path
    version: int
    fingerprint: str
    line: str
    files: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "folder": str(self.folder), "files": dict(self.files)}


def export(live: Live, format: str, out: Path, expert: str | None = None) -> Exported:
    """Write a version into the new folder `out`; there is all of it or none."""
    if format not in FORMATS:
        raise UsageError(
            f"there is no format {format!r}; there are {', '.join(FORMATS)}",
            hint="nightshift export --help",
        )
    manifest = live.manifest
    fingerprint = str(manifest.encoder["fingerprint"])
    with new_folder(out) as folder:
        told = FORMATS[format](live, folder, expert)
        files = _sizes(folder)
        page = README.format(
            format=format,
            page=told.page,
            version=manifest.version,
            time=manifest.time,
            name=_public(str(manifest.encoder["name"])),
            fingerprint=fingerprint,
            files="".join(f"| `{name}` | {size:,} bytes |\n" for name, size in files.items()),
        )
        (folder / "README.md").write_text(page, "utf-8")
    return Exported(format, out, manifest.version, fingerprint, told.line, files)


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(entry for entry in folder.rglob("*") if entry.is_file())
    return {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}


def _public(name: str) -> str:
    """An encoder's name without a machine's path to it; a hub's names have one stroke at most."""
    path = Path(name)
    return path.name if path.is_absolute() or name.startswith(".") or path.exists() else name
