"""One thing that was looked at, and what to type if it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Check:
    """`told` says what was seen; `hint` is the command that mends it."""

    name: str
    state: State
    told: str
    hint: str | None = None


def ok(name: str, told: str) -> Check:
    return Check(name, "ok", told)


def warning(name: str, told: str, hint: str | None = None) -> Check:
    return Check(name, "warning", told, hint)


def broken(name: str, told: str, hint: str | None = None) -> Check:
    return Check(name, "broken", told, hint)
