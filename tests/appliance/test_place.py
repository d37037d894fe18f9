"""Who runs an appliance: known by its process and by when that began, not by a number alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from nightshift.appliance import place
from nightshift.appliance.place import Running
from nightshift.appliance.ports import free, require_free
from nightshift.errors import StoreBusy, UsageError


@pytest.fixture
def this() -> Running:
    began = psutil.Process().create_time()
    return Running(os.getpid(), began, "mark", "http://127.0.0.1:4200/api", "", None, True)


def test_a_process_with_the_number_of_a_dead_one_is_a_stranger(this: Running) -> None:
    assert this.alive
    assert not replace(this, began=this.began - 3600).alive


def test_two_do_not_run_for_one_store_and_the_second_hears_of_the_first(
    tmp_path: Path, this: Running
) -> None:
    folder = place.folder_of(tmp_path / "store")
    with place.held(folder):
        place.write(folder, this)
        with pytest.raises(StoreBusy, match=f"process {os.getpid()}, since 20"), place.held(folder):
            pass
    assert place.read(folder) is None


def test_stores_in_one_folder_have_each_their_own(tmp_path: Path) -> None:
    assert place.folder_of(tmp_path / "one") != place.folder_of(tmp_path / "two")


def test_a_page_that_was_torn_is_no_page(tmp_path: Path, this: Running) -> None:
    place.write(tmp_path, this)
    page = tmp_path / "running.json"
    page.write_bytes(page.read_bytes()[:40])
    assert place.read(tmp_path) is None


def test_one_port_cannot_be_two_parts() -> None:
    port = next(port for port in range(20_000, 60_000) if free(port))
    with pytest.raises(UsageError, match=f"--port-search and --port-mlflow are both {port}"):
        require_free({"--port-search": port, "--port-mlflow": port})
