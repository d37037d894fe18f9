"""The service on a socket, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import errno
import shlex
import signal
import socket
from collections.abc import Callable

import uvicorn

from nightshift.errors import UsageError
from nightshift.server.app import app
from nightshift.server.service import Service

GRACE = 10
"""Seconds in which requests may end after the service was told to stop."""
QUIET = {"version": 1, "disable_existing_loggers": False}


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address; a sentence where there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        told = "something else listens there" if taken else error.strerror or str(error)
        raise UsageError(
            f"nothing can listen at {host} port {port}: {told}",
            hint="nightshift serve --port 0, which takes a free one"
            if taken
            else "nightshift serve --host 127.0.0.1",
        ) from error


def run(service: Service, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve, and say so once the live version is open; requests that have begun are finished."""
    config = uvicorn.Config(
        app(service),
        log_config=QUIET,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
        lifespan="on",
    )
    # The server stops by itself at a signal, and then repeats it for whoever came before it.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda number, frame: None)
    _Server(config, service, ready).run(sockets=[listening])


def address(listening: socket.socket) -> str:
    """Where the service is, for a browser.

    >>> with socket.create_server(("127.0.0.1", 0)) as one:
    ...     address(one).startswith("http://127.0.0.1:")
    True
    """
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else shlex.quote(host)}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            # uvicorn leaves without a word; the store knows why.
            if self._service.versions.problem is not None:
                raise self._service.versions.problem from None
            raise
        self._ready()
