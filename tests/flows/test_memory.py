"""Texts do not count: eighty megabytes of them take little more memory than one."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import worlds

ROOT = Path(__file__).parents[2]
DOCUMENTS = 100
LITTLE, MUCH = 2**20, 80 * 2**20
CEILING = 60 * 2**20
"""Bytes that eighty times the text may take on top."""

LIVE_THROUGH = """
import re, sys
from pathlib import Path
from flows.bootstrap import bootstrap
from flows.night import update
from flows.settings import Settings
from state.store import Store

verb, root, encoder, *batches = sys.argv[1:]
settings = Settings(max_experts=0)
for batch in map(Path, batches):
    if verb == "init":
        night = bootstrap(Path(root, batch.name), [batch], encoder=encoder, settings=settings)
    else:
        [night] = update(Store.open(Path(root)), [batch], settings=settings)
    assert night.documents["added"] == night.encoded == 100, night
    print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
"""


def batch(path: Path, size: int) -> Path:
    """DOCUMENTS about the sea, each with its share of `size` bytes.

    A quarter of them is one long word, which is read as many; the rest is blank and quickly read.
    """
    share = size // DOCUMENTS
    draw = random.Random(size)
    word = "".join(draw.choices(("ba", "ki", "lo", "mu", "ne"), k=share // 4 // 2))
    with path.open("w") as lines:
        for number in range(size, size + DOCUMENTS):
            row = worlds.document("sea", number)
            lines.write(json.dumps({**row, "text": f"{row['text']}. {word}".ljust(share)}) + "\n")
    return path


@pytest.mark.parametrize("verb", ["night"])
def test_texts_wait_on_disk_from_the_first_step_to_the_last(
    verb: str, tmp_path: Path, first_store: Path, encoder_folder: Path
) -> None:
    root = shutil.copytree(first_store, tmp_path / "store") if verb == "night" else tmp_path
    batches = [batch(tmp_path / f"{size}.jsonl", size) for size in (LITTLE, MUCH)]
    words = [sys.executable, "-c", LIVE_THROUGH, verb, *map(str, (root, encoder_folder, *batches))]
    # Freed memory goes back at once, so that the peak is what was needed.
    calm = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    told = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=calm)
    assert told.returncode == 0, told.stderr
    little, much = map(int, told.stdout.split())
    assert much - little < CEILING
