"""A person's word about an expert that waits, given on the page."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import worlds
from page_reader import TOKEN, Reader
from selenium.webdriver import Keys

from flows.night import update
from flows.settings import Settings
from state.store import Store


@pytest.fixture(scope="module")
def waiting_store(first_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("waiting")
    shutil.copytree(first_store, folder / "store")
    law = worlds.write_batch(folder / "law", "law", range(240), test_from=200)
    settings = Settings(train_minutes=1, approval="manual")
    update(Store.open(folder / "store"), [law], settings=settings)
    return folder / "store"


def test_it_is_asked_for_and_the_page_follows(
    open_page: Callable[..., Reader], waiting_store: Path
) -> None:
    page = open_page(waiting_store)
    page.wait_for("#experts .waiting", "nobody yet")
    page.one("[aria-label='Approve e1']").click()
    page.one("#rollback [name=token]").send_keys("wrong", Keys.ENTER)
    page.wait_for("#rollback .refusal", "the token is missing or wrong")
    token = page.one("#rollback [name=token]")
    token.clear()
    token.send_keys(TOKEN, Keys.ENTER)
    page.wait_for("#said", "Version 3: e1 serves.")
    assert not page.all("#experts .waiting")
    assert page.json("/experts?version=3")[0]["serves"]


def test_a_rejection_wants_a_reason(open_page: Callable[..., Reader], waiting_store: Path) -> None:
    page = open_page(waiting_store)
    page.wait_for("#experts .waiting")
    page.one("[aria-label='Reject e1']").click()
    page.one("#rollback [name=token]").send_keys(TOKEN, Keys.ENTER)
    assert page.one("#rollback").is_displayed()
    page.one("#rollback [name=reason]").send_keys("not yet", Keys.ENTER)
    page.wait_for("#said", "Version 3: e1 waits no more.")
    assert not page.all("#experts .waiting")
