"""The ports of an `up`, and the way to them.

Is one free? Asked before anything is started: a sentence now, not a traceback in a log.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from nightshift.errors import NightshiftError, UsageError

HOST = "127.0.0.1"


def require_free(ports: Mapping[str, int]) -> None:
    """NightshiftError for the first port that is taken; `ports` are by the flag that sets them."""
    for flag, port in ports.items():
        other = next((one for one in ports if one != flag and ports[one] == port), None)
        if other:
            raise UsageError(f"{flag} and {other} are both {port}", hint=f"{flag} {port + 1}")
        if not free(port):
            raise NightshiftError(
                f"port {port} of {HOST} is taken by another program",
                hint=f"nightshift up {flag} {_next_free(port, ports)}",
            )


def free(port: int) -> bool:
    """Whether a server could listen there.

    >>> with socket.socket() as taken:
    ...     taken.bind((HOST, 0))
    ...     taken.listen()
    ...     free(taken.getsockname()[1])
    False
    """
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still dying away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def past_proxies() -> None:
    """Say to this process and its children: the proxy to the internet does not lead to HOST.

    >>> import unittest.mock
    >>> with unittest.mock.patch.dict(os.environ, {"no_proxy": "intranet", "NO_PROXY": ""}):
    ...     past_proxies()
    ...     os.environ["no_proxy"], os.environ["NO_PROXY"]
    ('intranet,127.0.0.1', '127.0.0.1')
    """
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), HOST)))


def _next_free(port: int, ports: Mapping[str, int]) -> int:
    taken = set(ports.values())
    return next((p for p in range(port + 1, 65536) if p not in taken and free(p)), port)
