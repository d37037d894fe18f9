"""Everything that can go wrong, as one tree. The one module that every room may import.

    NightshiftError                 exit 1
    ├── UsageError                  exit 2   the request itself makes no sense
    ├── NothingToDo                 exit 3   no batch is pending, or the batch changes nothing
    ├── BatchError                  exit 1   a batch that cannot be read at all
    ├── EncoderError                exit 1   an encoder folder that cannot be used
    ├── EncoderMismatch             exit 1   vectors of two encoders would be mixed
    └── StoreError                  exit 1
        ├── StoreMissing            exit 1   there is no store at that path
        ├── StoreExists             exit 1   there is one already
        ├── UnknownVersion          exit 2   the store has no such version
        ├── VersionCollected        exit 2   that version's objects were given up
        ├── StoreBusy               exit 5   another writer holds the lock
        └── StoreDamaged            exit 6   bytes on disk are not what was written

>>> error = StoreMissing("there is no store at ./store", hint="nightshift init --corpus PATH")
>>> print(error)
there is no store at ./store; try: nightshift init --corpus PATH
>>> error.exit_code
1
"""

from __future__ import annotations


class NightshiftError(Exception):
    """One sentence that says what was wrong with what, and the command to type next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; try: {self.hint}" if self.hint else self.message


def printable(sentence: str) -> str:
    """What a name in it could do to a terminal is taken out.

    >>> printable("\\x1b[2Jmonday")
    ' [2Jmonday'
    """
    return "".join(char if char.isprintable() else " " for char in sentence)


class UsageError(NightshiftError):
    exit_code = 2


class NothingToDo(NightshiftError):
    exit_code = 3


class BatchError(NightshiftError):
    pass


class EncoderError(NightshiftError):
    pass


class EncoderMismatch(NightshiftError):
    pass


class StoreError(NightshiftError):
    pass


class StoreMissing(StoreError):
    pass


class StoreExists(StoreError):
    pass


class UnknownVersion(StoreError):
    exit_code = 2


class VersionCollected(StoreError):
    exit_code = 2


class StoreBusy(StoreError):
    exit_code = 5


class StoreDamaged(StoreError):
    exit_code = 6
