"""Where a setting's value comes from: flag > NIGHTSHIFT_* > nightshift.toml > default.

The file lies in the folder that the command is typed in, beside prefect.yaml:

    train_minutes = 20
    false_alarms_per_year = 0.5
"""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from flows.settings import Settings
from nightshift.errors import UsageError

FILE = Path("nightshift.toml")
PREFIX = "NIGHTSHIFT_"
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Sourced:
    """A setting's value, and where it was found."""

    name: str
    value: Any
    source: str
    help: str


def sourced(
    flags: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    file: Path = FILE,
) -> list[Sourced]:
    """Every setting with its value and its source; a flag that is None was not given.

    >>> found = sourced({"seed": 7}, environment={"NIGHTSHIFT_INDEX": "HNSW32"})
    >>> [(one.value, one.source) for one in found if one.name in ("index", "seed")]
    [('HNSW32', 'NIGHTSHIFT_INDEX'), (7, 'flag')]
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    written = _read(file)
    return [_find(one, given, environment, written, file) for one in fields(Settings)]


def settings_from(
    flags: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    file: Path = FILE,
) -> Settings:
    """The settings that a night is to be lived through with."""
    found = sourced(flags, environment=environment, file=file)
    return Settings(**{one.name: one.value for one in found})


def _find(
    one: Field[Any],
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    written: Mapping[str, Any],
    file: Path,
) -> Sourced:
    name, told, variable = one.name, one.metadata["help"], PREFIX + one.name.upper()
    kind = type(one.default) if one.default is not None else str
    if name in flags:
        return Sourced(name, flags[name], "flag", told)
    if environment.get(variable):
        return Sourced(name, _parsed(environment[variable], kind, variable), variable, told)
    if name in written:
        return Sourced(name, _checked(written[name], kind, name, file), str(file), told)
    return Sourced(name, one.default, "default", told)


def _read(file: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}", hint=f"cat {_quoted(file)}") from error
    unknown = sorted(set(written) - {one.name for one in fields(Settings)})
    if unknown:
        raise UsageError(
            f"{file} has a setting that there is not: {unknown[0]}", hint="nightshift config"
        )
    return written


def _parsed(text: str, kind: type, variable: str) -> Any:
    try:
        return TRUTHS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise UsageError(
            f"{variable} is {text!r}, not {_noun(kind)}", hint=f"unset {variable}"
        ) from None


def _checked(value: Any, kind: type, name: str, file: Path) -> Any:
    numbers = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) != (kind is bool) or not isinstance(value, numbers):
        raise UsageError(
            f"{name} in {file} is {value!r}, not {_noun(kind)}", hint=f"cat {_quoted(file)}"
        )
    return kind(value)


def _noun(kind: type) -> str:
    return {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[kind]


def _quoted(file: Path) -> str:
    return shlex.quote(str(file))
