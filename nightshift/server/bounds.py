"""How much a request may send, and how long it may take."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightshift.server.limits import Limits
from nightshift.server.refusals import Refused

UNBOUNDED = ("/rollback", "/approve", "/reject")
"""What was begun there is finished, however long it takes."""


class Bounds:
    """Reads the body, as far as it may be, before anybody is asked."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.limits.seconds):
                body = await self._body(scope, receive)
                if scope["path"] not in UNBOUNDED:
                    await self.app(scope, _replayed(body, receive), send)
                    return
        except TimeoutError:
            raise Refused(
                504,
                f"no answer within {self.limits.seconds:g} seconds",
                "fewer queries in one request, or the same again in a moment",
            ) from None
        await self.app(scope, _replayed(body, receive), send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        told = Headers(scope=scope).get("content-length", "0")
        if told.isdigit() and int(told) > self.limits.body:
            raise self._too_large()
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.limits.body:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> Refused:
        return Refused(
            413,
            f"a request has at most {self.limits.body:,} bytes",
            "fewer queries in one request",
        )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body as one message; what comes after it is whatever comes."""
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
