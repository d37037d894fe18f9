"""Domains and streams for tests of the benchmark, of the made-up kinds in worlds.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import worlds


def write_domain(folder: Path, kind: str, count: int, test_from: int) -> Path:
    """A domain whose documents from `test_from` on are asked about in test; all others in train,
    the first five in test_seen besides. Ids are numbers: other domains have the same ones."""
    worlds.write_batch(folder, kind, range(count), test_from=test_from)
    for file in (folder / "corpus.jsonl", *(folder / "qrels").iterdir()):
        file.write_text(file.read_text().replace(f"{kind}-", "d"))
    queries = folder / "queries.jsonl"
    queries.write_text(queries.read_text().replace(f'"q{kind}', '"q'))
    for file in (folder / "qrels").iterdir():
        file.write_text(file.read_text().replace(f"q{kind}", "q"))
    lines = (folder / "qrels" / "train.tsv").read_text().splitlines()
    seen = [line for line in lines[1:] if line.split("\t")[0].endswith("-2")]
    taught = [line for line in lines if line not in seen[:10]]
    (folder / "qrels" / "train.tsv").write_text("\n".join(taught) + "\n")
    (folder / "qrels" / "test_seen.tsv").write_text("\n".join([lines[0], *seen[:10]]) + "\n")
    return folder


def write_stream(file: Path, bootstrap: Sequence[Any], nights: Sequence[Any]) -> Path:
    file.write_text(json.dumps({"bootstrap": list(bootstrap), "nights": list(nights)}))
    return file
