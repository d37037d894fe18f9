"""The examples in README and docs run: every `$ nightshift ...` line, in order, on real text.

This is also the end-to-end test on the real default encoder.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from flows.mirror import Mirrored
from nightshift.cli import main
from nightshift.cli.main import app
from nightshift.demo.delivery import write_batch
from nightshift.demo.docstrings import docstrings
from nightshift.demo.modules import standard_library
from nightshift.demo.texts import asked

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def commands() -> Iterator[str]:
    for block in blocks(README, "console"):
        for line in block.splitlines():
            if line.startswith("$ nightshift ") and "demo" not in line:
                yield line.removeprefix("$ ").split("  #")[0]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the batches that the README speaks of."""
    folder = tmp_path_factory.mktemp("readme")
    texts = list(islice(asked(map(docstrings, standard_library()), 8), 220))
    write_batch(folder / "corpus", "default", texts[:150])
    write_batch(folder / "monday", "default", texts[150:200])
    write_batch(folder / "inbox" / "tuesday", "default", texts[200:220])
    write_batch(folder / "judged", "default", texts[:200])
    return folder


def test_every_command_in_the_readme_works(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.delenv("NIGHTSHIFT_STORE", raising=False)
    # Telling MLflow takes seconds a command and has tests of its own.
    monkeypatch.setattr("flows.mirror.mirror", lambda store: Mirrored((), (), None))
    ran = list(commands())
    assert len(ran) >= 8
    for command in ran:
        monkeypatch.setattr("sys.argv", shlex.split(command))
        with pytest.raises(SystemExit) as leaving:
            main.run()
        assert not leaving.value.code, f"{command}: {capsys.readouterr().err}"
    [python] = blocks(README, "python")
    exec(compile(python, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_every_command_is_in_the_readme() -> None:
    for command in app.registered_commands:
        assert f"`{command.name}" in README or f"nightshift {command.name}" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    rooms = "pipeline|flows|state|nightshift|bench|tests"
    for named in re.findall(rf"`((?:{rooms})/[\w/]+\.py)`", text):
        assert (ROOT / named).is_file(), named
