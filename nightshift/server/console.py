"""What the service says on stderr: a line for an error, and nothing for a request."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from nightshift.errors import printable


def complain(error: BaseException) -> None:
    """One line, however the error is written."""
    sentence = " ".join(printable(str(error)).split()) or "no more is known"
    print(f"{now()} {type(error).__name__}: {sentence}", file=sys.stderr, flush=True)


def now() -> str:
    """The time as manifests write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
