"""What Prometheus may know: requests, their ends and times, what is served, and who answers."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightshift.server.forms import Health
from nightshift.server.traffic import Traffic

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """A registry of the service's own."""

    def __init__(self, traffic: Traffic) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(traffic)
        self.requests = Counter(
            "nightshift_requests", "Requests.", ("path", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "nightshift_request_seconds",
            "How long a request took.",
            ("path",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._gauges = {
            name: Gauge(f"nightshift_{called}", told, registry=self._registry)
            for name, called, told in (
                ("version", "live_version", "The version that is served."),
                ("last_night", "last_night_age_seconds", "Since a version last took a batch."),
                ("documents", "documents", "Live documents."),
                ("experts", "experts", "Experts that serve."),
            )
        }

    def page(self, health: Health) -> bytes:
        """All of it, as Prometheus reads it."""
        for name, gauge in self._gauges.items():
            gauge.set(getattr(health, name))
        return generate_latest(self._registry)


class Measured:
    """Counts and times what passes through it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def out(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self.app(scope, receive, out)
        # Only paths that there are: any other would be a series of its own.
        path = getattr(scope.get("route"), "path", "other")
        self.metrics.requests.labels(path, str(status)).inc()
        self.metrics.seconds.labels(path).observe(time.perf_counter() - began)
