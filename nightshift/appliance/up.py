"""What `nightshift up` does from its first moment to its last."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from nightshift.appliance import child, parts, place
from nightshift.appliance.news import News
from nightshift.appliance.place import Running
from nightshift.appliance.ports import HOST, past_proxies, require_free
from nightshift.appliance.watch import Part, Watched, end, keep
from state.outbox import Destination, destination
from state.store import Store

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What was asked for; MLflow's pages are not started where `port_mlflow` is None."""

    store: Path
    inbox: Path
    cron: str | None
    timezone: str | None
    port_prefect: int
    port_search: int
    port_mlflow: int | None

    @property
    def ports(self) -> dict[str, int]:
        """The ports that will be listened at, by the flags that set them."""
        flags = {
            "--port-prefect": None if foreign_server() else self.port_prefect,
            "--port-search": self.port_search,
            "--port-mlflow": self.port_mlflow,
        }
        return {flag: port for flag, port in flags.items() if port is not None}


def foreign_server() -> str | None:
    """The Prefect server that the user keeps."""
    return os.environ.get("PREFECT_API_URL") or None


def live(wanted: Wanted, tell: Tell) -> None:
    """Run everything until a signal comes, and leave nothing behind."""
    shelf = Store.open(wanted.store)
    to = destination(wanted.store)
    if to.artifacts is None:
        wanted = replace(wanted, port_mlflow=None)  # whoever set MLFLOW_TRACKING_URI looks there
    folder = place.folder_of(wanted.store)
    with place.held(folder), until_told() as stop:
        _clear(folder, tell)
        require_free(wanted.ports)
        own = None if foreign_server() else parts.api_of(wanted.port_prefect)
        past_proxies()
        if own:
            os.environ.update(parts.at(own, folder))
        _check_schedule(wanted, own)
        wanted.inbox.mkdir(exist_ok=True)
        running = _running(wanted, to, own is not None)
        place.write(folder, running)
        tell(f"nightshift up: {wanted.store}, version {shelf.head().version}; {wanted.inbox}")
        news = News(tell)
        watched = [Watched(part, running.mark) for part in _parts(wanted, folder, own, to, news)]
        _watch(watched, folder, stop, news, tell)


def _watch(
    watched: Sequence[Watched],
    folder: Path,
    stop: threading.Event,
    news: News,
    tell: Tell,
) -> None:
    complete = False

    def stopped(seconds: float) -> bool:
        nonlocal complete
        if not complete and all(one.works for one in watched):
            complete = True
            tell(f"Ctrl-C ends it; what the parts say is in {folder / 'logs'}")
        if all(one.works for one in watched if one.part.name in ("Prefect", "nights")):
            news.look()
        return stop.wait(seconds)

    try:
        keep(watched, stopped, tell)
    finally:
        tell("ending")
        # Prefect last: who reports to it would wait for it in vain.
        end([one for one in watched if one.part.name != "Prefect"])
        end(watched)
        tell("ended")


def _clear(folder: Path, tell: Tell) -> None:
    """Take away what an earlier `up` left behind when it was killed."""
    before = place.read(folder)
    if before is not None:
        ended = child.end(before.mark)
        if ended:
            tell(f"{ended} processes of an earlier run, which was killed, have been ended")
    (folder / "logs").mkdir(exist_ok=True)
    for log in (folder / "logs").glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def _check_schedule(wanted: Wanted, own: str | None) -> None:
    from flows.shift.cron import check

    check(wanted.cron or "0 2 * * *", wanted.timezone or "UTC")
    if own is None:
        from flows.shift.plan import server

        with server() as client:
            client.hello()


def _running(wanted: Wanted, to: Destination, alone: bool) -> Running:
    return Running(
        pid=os.getpid(),
        began=psutil.Process().create_time(),
        mark=secrets.token_hex(16),
        prefect=os.environ["PREFECT_API_URL"],
        search=f"http://{HOST}:{wanted.port_search}",
        mlflow=to.page or (wanted.port_mlflow and f"http://{HOST}:{wanted.port_mlflow}") or None,
        alone=alone,
    )


def _parts(
    wanted: Wanted, folder: Path, own: str | None, to: Destination, news: News
) -> Iterator[Part]:
    from flows.shift.served import Orders

    server = parts.prefect(folder, wanted.port_prefect) if own else None
    if server:
        yield server
    ready = folder / "ready"
    orders = Orders(
        store=str(wanted.store),
        inbox=str(wanted.inbox),
        cron=wanted.cron,
        timezone=wanted.timezone,
        alone=own is not None,
        ready=str(ready),
    )
    yield parts.nights(
        folder,
        orders.as_argument(),
        ready,
        news.first,
        parts.at(own, folder) if own else parts.QUIETLY,
        server.works if server else lambda: True,
    )
    yield parts.search(folder, wanted.store, wanted.port_search)
    if wanted.port_mlflow is not None:
        yield parts.mlflow(folder, to.uri, wanted.store / "outbox", wanted.port_mlflow)


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """An event that Ctrl-C, a signal to end, or a terminal that closes brings about."""
    told = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.signal(one, lambda *_: told.set()) for one in signals}
    try:
        yield told
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
