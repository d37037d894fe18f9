"""Who may come in: no stranger by the name of this machine, nobody too often, and beyond this
machine nobody without the token.

A page of somebody else's that a browser is made to send here (DNS rebinding, a forged form) gives
itself away by its Host or its Origin.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nightshift.server.refusals import Refused

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OPEN = "/health"
ALWAYS_GUARDED = ("/rollback", "/approve", "/reject")
CLIENTS = 10_000
"""Addresses whose haste is remembered."""


@dataclass(frozen=True)
class Door:
    """Where the service listens, and the token that opens it."""

    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK

    def needs_token(self, path: str) -> bool:
        """The page itself tells nothing: it asks for the token where the service does."""
        return path in ALWAYS_GUARDED or not (self.is_loopback or path == OPEN or is_page(path))


def is_page(path: str) -> bool:
    return path == "/" or path.startswith("/page/")


class Guard:
    """Refuses, or lets in."""

    def __init__(self, app: ASGIApp, door: Door, rate: float) -> None:
        self.app = app
        self.door = door
        self.pace = Pace(rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers, path = Headers(scope=scope), scope["path"]
            if self.door.is_loopback:
                _check_host(headers)
            _check_origin(headers, path)
            if path != OPEN:
                self.pace.check(scope["client"][0] if scope.get("client") else "")
            if self.door.needs_token(path):
                _check_token(headers, self.door.token)
        await self.app(scope, receive, send)


class Pace:
    """A bucket for every address: it holds two seconds' worth of requests and refills steadily."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str, now: float | None = None) -> None:
        """Take one request out of the bucket; refuse if it is empty. A rate of 0 is no limit."""
        if not self._rate:
            return
        now = time.monotonic() if now is None else now
        full = 2 * self._rate
        left, since = self._left.pop(client, (full, now))
        left = min(full, left + (now - since) * self._rate)
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        if left < 1:
            wait = {"Retry-After": "1"}
            raise Refused(429, "too many requests from you", "the same again in a second", wait)


def _check_host(headers: Headers) -> None:
    name = headers.get("host", "")
    bare = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
    if bare.lower() not in LOOPBACK:
        raise Refused(421, "this service answers to no such name", "http://127.0.0.1 and its port")


def _check_origin(headers: Headers, path: str) -> None:
    """Browsers tell whose page sends a request; other programs say nothing. Of a picture, say, only
    Sec-Fetch-Site tells, and of a link to the page too, which may be followed.
    """
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
    if foreign or (headers.get("sec-fetch-site") == "cross-site" and not is_page(path)):
        raise Refused(403, "pages of other sites may not ask here", "the service's own page")


def _check_token(headers: Headers, token: str | None) -> None:
    if token is None:
        raise Refused(
            403,
            "this needs a token, and the service was started without one",
            "NIGHTSHIFT_TOKEN=... nightshift serve, or up",
        )
    scheme, _, given = headers.get("authorization", "").partition(" ")
    # Both are compared as bytes, in a time that tells nothing.
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not same:
        raise Refused(
            401,
            "the token is missing or wrong",
            'curl -H "Authorization: Bearer TOKEN" ...',
            {"WWW-Authenticate": "Bearer"},
        )
