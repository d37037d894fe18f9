"""A run of the benchmark that is there, opened again to ask more of what has lived through it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.quality.domains import Domain, read_domains
from bench.quality.profiles import profile_of
from bench.quality.run import Run, prepare
from bench.quality.stream import Night, read_stream


@dataclass(frozen=True)
class Reopened:
    run: Run
    domains: Mapping[str, Domain]
    nights: Sequence[Night]


def parser(about: str) -> argparse.ArgumentParser:
    """What names a run, and where to tell the result."""
    made = argparse.ArgumentParser(description=about.splitlines()[0])
    made.add_argument("--data", type=Path, required=True)
    made.add_argument("--stream", type=Path, required=True)
    made.add_argument("--run", type=Path, required=True, help="the folder of bench quality")
    made.add_argument("--out", type=Path)
    return made


def reopen(asked: argparse.Namespace, systems: Sequence[str]) -> Reopened:
    """The run that was named, of these systems with the profile `full`."""
    stream, profile = read_stream(asked.stream), profile_of("full", systems)
    run = prepare(asked.data, stream, profile, asked.run, None)
    domains = read_domains(asked.data, stream.domains, profile.share)
    return Reopened(run, domains, list(stream.nights(domains)))
