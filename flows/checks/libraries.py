"""Libraries whose newer or older releases fail late, silently, or dangerously."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from packaging.specifiers import SpecifierSet

from flows.checks.check import Check, broken, ok, warning

WELL = {
    "torch": (">=2.10", "older ones corrupt memory on a crafted weights file"),
    "transformers": (">=5.3,<6", "older ones run code that a config.json names"),
    "peft": (">=0.21,<0.22", "older ones train the adapter that should stay frozen"),
    "faiss-cpu": (">=1.15,<2", "older ones trust an index file too much"),
    "prefect": (">=3.8,<4", "older ones answer without a password"),
    "fastapi": ("<0.151", "newer ones break Prefect at import"),
    "sqlalchemy": ("<2.1", "with newer ones Prefect's scheduler dies without a word"),
    "mlflow": (">=3.16.1,<4", "older ones ship a default admin password"),
}
INSTALL = "pip install -r requirements.lock"


def libraries(installed: Callable[[str], str] = version) -> Iterator[Check]:
    """A check per library; `installed` gives a library's version.

    >>> old = {"torch": "2.9.1"}
    >>> next(libraries(lambda name: old.get(name, "0"))).told
    '2.9.1, not >=2.10: older ones corrupt memory on a crafted weights file'
    """
    for name, (good, why) in WELL.items():
        try:
            here = installed(name)
        except PackageNotFoundError:
            yield broken(name, "is not installed", INSTALL)
            continue
        if here in SpecifierSet(good):
            yield ok(name, here)
        else:
            yield broken(name, f"{here}, not {good}: {why}", INSTALL)
    yield _openmp(sys.platform)


def _openmp(platform: str) -> Check:
    """Two OpenMP runtimes in one process crash on macOS: torch and faiss-cpu each bring one."""
    if platform == "darwin":
        return warning(
            "OpenMP",
            "torch and faiss-cpu bring a runtime each, which can crash on macOS",
            "export KMP_DUPLICATE_LIB_OK=TRUE OMP_NUM_THREADS=1",
        )
    return ok("OpenMP", "one runtime serves torch and FAISS")
