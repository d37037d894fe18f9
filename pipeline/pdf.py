"""The text of a PDF file, page by page. Its reader, pypdf, is an extra."""

from __future__ import annotations

import logging
from typing import Any

from nightshift.errors import UsageError
from pipeline.corpus import TEXT_LIMIT, checked
from pipeline.documents import Document
from pipeline.files import File, Refused
from pipeline.readers import check_identifier

PDF = ".pdf"
SIZE_LIMIT = 256 * 2**20
"""Bytes of a file."""
PAGE_LIMIT = 20_000


def pdf_document(file: File, source: str) -> Document:
    """The document that a PDF file is: its name is the id; its title its own, or else its name.

    Pages are paragraphs apart. A file without text, of pictures alone, is refused.
    """
    pypdf = _reader()
    if file.size > SIZE_LIMIT:
        raise Refused(f"longer than {SIZE_LIMIT:,} bytes")
    try:
        reader = pypdf.PdfReader(file.stream)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused("the file wants a password")
        title = str((reader.metadata and reader.metadata.title) or "")
        text = _text(reader)
    except Refused:
        raise
    except Exception as error:  # whatever the file has made of its reader
        raise Refused("not a PDF file, or a damaged one") from error
    if not text.strip():
        raise Refused("the file has no text in it")
    # A font may map to halves of surrogate pairs, which are no characters.
    title, text = (part.encode("utf-8", "replace").decode() for part in (title, text))
    stem = file.name.rpartition("/")[2].rpartition(".")[0]
    return checked(Document(source, check_identifier(file.name), title.strip() or stem, text))


def _text(reader: Any) -> str:
    """As much as a document may have, and a little more, so that it is refused."""
    pages: list[str] = []
    size = 0
    for number, page in enumerate(reader.pages):
        pages.append(page.extract_text().strip())
        size += len(pages[-1])
        if number >= PAGE_LIMIT or size > TEXT_LIMIT:
            raise Refused(f"longer than {TEXT_LIMIT:,} characters or {PAGE_LIMIT:,} pages")
    return "\n\n".join(page for page in pages if page)


def _reader() -> Any:
    try:
        import pypdf
    except ImportError as error:
        raise UsageError(
            "PDF files are read by pypdf, which is not installed",
            hint="pip install 'nightshift[pdf]'",
        ) from error
    # It tells of every oddity that it gets over.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    return pypdf
