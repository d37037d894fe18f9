"""The service follows HEAD, serves older versions, and never mixes two in one answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import worlds
from starlette.testclient import TestClient

from flows.purge import purge
from flows.rollback import rollback
from nightshift.index import open_index
from nightshift.server.guard import Door
from nightshift.server.versions import OLDER
from pipeline import texts
from state import leases
from state.retention import gc
from state.store import Store

Serve = Callable[..., TestClient]
QUERIES = [worlds.query("law", 5), worlds.query("law", 77)]
PATIENCE = 120.0


def ask(client: TestClient, **form: Any) -> Any:
    answer = client.post("/search", json={"queries": QUERIES, **form})
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(true: Callable[[], bool]) -> None:
    """Wait for what happens by itself; the test fails if it does not."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def pages(store: Store, version: int) -> str:
    """What Python answers to the queries, without the version's number."""
    with open_index(store.root, version=version) as index:
        found = [index.search(query).as_json() for query in QUERIES]
    return rounded([{k: page[k] for k in ("route", "share", "hits")} for page in found])


def rounded(page: Any) -> str:
    """Numbers to four digits, so that equal pages are equal."""
    plain = json.loads(json.dumps(page), parse_float=lambda digits: round(float(digits), 4) + 0.0)
    return json.dumps(plain, sort_keys=True)


def test_a_new_version_is_served_without_a_restart(serve: Serve, store: Store) -> None:
    client = serve(store)
    assert ask(client)["version"] == 3
    rollback(store, 2, "the expert was good", documents=True)
    until(lambda: ask(client)["version"] == 4)
    assert rounded(ask(client)["answers"]) == pages(store, 4)
    assert client.get("/health").json()["version"] == 4
    assert "nightshift_live_version 4.0" in client.get("/metrics").text


def test_what_was_wrong_for_a_moment_is_well_again(serve: Serve, store: Store) -> None:
    """The store's disk is away for a second; HEAD is what it was when it is back."""
    client = serve(store)
    head, away = store.root / "HEAD", store.root / "HEAD.away"
    assert client.get("/health").status_code == 200
    head.rename(away)
    until(lambda: client.get("/health").status_code == 503)
    away.rename(head)
    until(lambda: client.get("/health").status_code == 200)


def test_a_rollback_is_served_when_it_returns(serve: Serve, store: Store) -> None:
    client = serve(store, door=Door(token="t"))
    before = pages(store, 2)
    wish = {"version": 2, "documents": True, "reason": "back"}
    done = client.post("/rollback", json=wish, headers={"Authorization": "Bearer t"})
    assert done.json() == {
        "version": 4,
        "to": 2,
        "documents": True,
        "experts": {"before": [], "after": ["e1"]},
        "live_documents": {"before": 210, "after": 210},
    }
    page = ask(client)
    assert page["version"] == 4
    assert rounded(page["answers"]) == before
    assert client.get("/versions").json()[-1]["reason"] == "to version 2: back"


def test_older_versions_are_served_beside_the_live_one(serve: Serve, store: Store) -> None:
    client = serve(store)
    for version in (2, 1, 3, 2, 1):
        page = ask(client, version=version)
        assert page["version"] == version
        assert rounded(page["answers"]) == pages(store, version)


def test_few_versions_stay_open_and_gc_gets_the_others(serve: Serve, store: Store) -> None:
    client = serve(store)
    for _ in range(3):
        rollback(store, 2, "to", documents=True)
        rollback(store, 1, "and fro", documents=True)
    last = store.head().version
    until(lambda: ask(client)["version"] == last)
    for version in range(1, last):
        ask(client, version=version)
    held = leases.held(store.root)
    assert last in held
    assert len(held) <= 1 + OLDER
    gc(store, 1)
    assert ask(client)["version"] == last
    gone = client.post("/search", json={"query": "x", "version": 2})
    assert gone.status_code == 410


def test_a_purged_text_is_found_no_more_in_any_version(serve: Serve, store: Store) -> None:
    client = serve(store)
    everything = {"k": 500, "leg": "dense"}

    def ids(version: int | None = None) -> set[str]:
        page = ask(client, version=version, **everything)
        return {hit["id"] for answer in page["answers"] for hit in answer["hits"]}

    assert all("law-5" in ids(version) for version in (None, 2))
    purge(store, ("court", "law-5"))
    until(lambda: "law-5" not in ids())
    until(lambda: "law-5" not in ids(2))
    assert "law-6" in ids(2)


def test_answers_are_never_mixed_while_a_store_goes_to_and_fro(serve: Serve, store: Store) -> None:
    """Each answer is word for word that of the one version that it names."""
    client = serve(store)
    right = {1: pages(store, 1), 2: pages(store, 2)}
    assert right[1] != right[2]
    done, seen, wrong = threading.Event(), set[int](), list[Any]()
    first = 3

    def read(version: int | None) -> None:
        while not done.is_set():
            try:
                page = ask(client, version=version)
            except AssertionError as error:
                wrong.append(error)
                return
            number = page["version"]
            seen.add(number)
            of = 2 if version == 2 or number % 2 == 0 else 1
            if (version or number) != number or (
                number != first and rounded(page["answers"]) != right[of]
            ):
                wrong.append(page)

    readers = [threading.Thread(target=read, args=(version,)) for version in (None, None, None, 2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(2):
            for to in (2, 1):
                rollback(store, to, "to and fro", documents=True)
                last = store.head().version
                until(lambda last=last: last in seen or bool(wrong))
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not wrong
    assert seen >= set(range(4, 8))


def test_a_purged_text_is_not_kept_in_memory(serve: Serve, store: Store) -> None:
    client = serve(store)
    assert ask(client, version=2)["answers"]
    purged = worlds.document("law", 5)["text"]

    def kept() -> bool:
        held = [one for whose, _ in list(texts._asked) if (one := whose()) is not None]
        groups = [group for one in held for group in list(one._groups.values())]
        return any(document.text == purged for group in groups for document in group)

    assert kept()
    purge(store, ("court", "law-5"))
    until(lambda: not kept())
