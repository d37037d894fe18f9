"""Things to import, and a look at what came of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.bring import Brought, bring
from pipeline.batch import Batch, read_batch
from pipeline.wanted import Wanted

ROWS = [
    {"sku": 1, "name": "Ebb", "body": "The sea falls.", "price": 1.5},
    {"sku": 2, "name": None, "body": "The sea rises.", "price": None},
]


def wanted() -> Wanted:
    return Wanted("sku", "name", ("body",), ("price",))


def lines(file: Path, rows: list[Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def dataset(folder: Path, rows: list[dict[str, Any]], parts: int = 1) -> Path:
    """A folder as `Dataset.save_to_disk` leaves it."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    names = [f"data-{part:05}-of-{parts:05}.arrow" for part in range(parts)]
    for part, name in enumerate(names):
        some = table.slice(part * len(rows) // parts, len(rows) // parts)
        with pa.ipc.new_stream(str(folder / name), table.schema) as stream:
            stream.write_table(some)
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def pdf(*pages: str, title: str = "", more: bytes = b"") -> bytes:
    """A PDF file by hand: a page for each text."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        stream = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn)
        bodies += [page.encode(), stream]
    bodies.append(f"<< /Title ({title}) >>".encode())
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(bodies) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R /Info %d 0 R %s >>" % (count, count - 1, more)
    xref = b"xref\n0 %d\n0000000000 65535 f \n%s%s\n" % (count, table, trailer)
    return data + xref + b"startxref\n%d\n%%%%EOF\n" % len(data)


def brought(source: Path | str, to: Path, columns: Wanted | None = None) -> tuple[Brought, Batch]:
    done = bring(str(source), to, columns)
    assert done.folder is not None
    return done, read_batch(done.folder)


def told(batch: Batch) -> list[tuple[str, str, str, str]]:
    return [(d.id, d.title, d.text, d.metadata) for d in batch.documents]


EXPECTED = [("1", "Ebb", "The sea falls.", '{"price":1.5}'), ("2", "", "The sea rises.", "{}")]
