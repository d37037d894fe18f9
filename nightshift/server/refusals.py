"""Errors as HTTP tells them: a status, and one sentence with what to try next.

>>> status_of(UnknownVersion("there is no version 9"))
404
>>> page_of(UnknownVersion("there is no version 9", hint="nightshift history"))
{'error': 'there is no version 9', 'try': 'nightshift history'}
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

from nightshift.errors import (
    EncoderMismatch,
    NightshiftError,
    NothingToDo,
    StoreBusy,
    StoreMissing,
    UnknownVersion,
    UsageError,
    VersionCollected,
)

STATUS: Mapping[type[NightshiftError], int] = {
    UsageError: 422,
    UnknownVersion: 404,
    VersionCollected: 410,
    NothingToDo: 409,
    EncoderMismatch: 409,
    StoreBusy: 503,
    StoreMissing: 503,
}
BROKEN = 500
WAIT = {"Retry-After": "5"}
OPENAPI = "GET /openapi.json"


class Refused(NightshiftError):
    """The service itself says no."""

    def __init__(
        self, status: int, message: str, hint: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.headers = dict(headers or {})


def status_of(error: Exception) -> int:
    """The status that fits an error best."""
    if isinstance(error, Refused):
        return error.status
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), BROKEN)


def page_of(error: Exception) -> dict[str, str | None]:
    """What a client may know of it; of what nobody foresaw, only its kind."""
    if isinstance(error, NightshiftError):
        return {"error": error.message, "try": error.hint}
    if isinstance(error, OSError) and error.strerror:
        return {"error": error.strerror, "try": "nightshift doctor"}
    return {"error": f"something broke: {type(error).__name__}", "try": "the log of the service"}


def response_to(error: Exception) -> JSONResponse:
    """The whole answer to a request that failed."""
    status = status_of(error)
    headers = error.headers if isinstance(error, Refused) else {}
    if isinstance(error, StoreBusy):
        headers = {**headers, **WAIT}
    return JSONResponse(page_of(error), status, headers)
