"""Datasets as Hugging Face's library saves them: a folder of Arrow streams, read without it.

state.json          which files hold the rows, in order
dataset_info.json   what it is about; not read
data-00000-of-...   Arrow's streaming format
dataset_dict.json   instead of these: the names of splits, a folder each
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from nightshift.errors import BatchError
from pipeline.columns import Columns
from pipeline.files import printable
from pipeline.parquet import record
from pipeline.readers import Quarantined, Record

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def is_dataset(folder: Path) -> bool:
    return (folder / SPLITS).is_file() or ((folder / STATE).is_file() and (folder / INFO).is_file())


def read_dataset(folder: Path, columns: Columns) -> Iterator[Record | Quarantined]:
    """The rows of a dataset, counted from 1 in each file; damage is noted once a file."""
    if (folder / SPLITS).is_file():
        splits = _page(folder / SPLITS).get("splits")
        names = [str(name) for name in splits] if isinstance(splits, list) else []
        raise BatchError(
            f"{folder} holds several splits: {', '.join(names) or 'none'}",
            hint=f"nightshift import {folder / (names or ['SPLIT'])[0]} --to BATCH",
        )
    for name in _files(folder):
        yield from _rows(folder / name, columns)


def _files(folder: Path) -> list[str]:
    """Files of rows; nothing outside of the folder, whatever its state says."""
    page = _page(folder / STATE)
    if page.get("_indices_data_files") or page.get("_indices_files"):
        raise BatchError(
            f"{folder} is a selection of rows of a larger dataset",
            hint="dataset.flatten_indices().save_to_disk(FOLDER)",
        )
    entries = page.get("_data_files")
    files = [str(entry.get("filename")) for entry in _objects(entries)]
    for name in files:
        if Path(name).name != name or (folder / name).is_symlink():
            raise BatchError(f"{folder / STATE} names a file outside of its folder: {name!r:.80}")
    return files


def _rows(file: Path, columns: Columns) -> Iterator[Record | Quarantined]:
    number, place = 0, printable(file.name)
    if not file.is_file():
        yield Quarantined(place, "the file is not there")
        return
    try:
        with pa.OSFile(str(file)) as source, pa.ipc.open_stream(source) as stream:
            layout = columns.bind(stream.schema.names, place)
            for batch in stream:
                few = batch.select(layout.needed)
                # What a file says of its own buffers is not true before it was checked.
                few.validate(full=True)
                for row in range(few.num_rows):
                    number += 1
                    yield record(few, row, layout, f"{place}:{number}")
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        where = f"{place}:{number + 1}" if number else place
        yield Quarantined(where, "not an Arrow stream, or a damaged one")


def _page(file: Path) -> dict[str, Any]:
    try:
        page = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BatchError(f"{file} is not JSON", hint=f"head -c 200 {file}") from error
    return page if isinstance(page, dict) else {}


def _objects(entries: object) -> list[dict[str, Any]]:
    several = entries if isinstance(entries, list) else []
    return [entry for entry in several if isinstance(entry, dict)]
