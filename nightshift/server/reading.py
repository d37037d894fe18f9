"""What may be read: versions, what lies between them, experts, traffic, health, metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, Response

from flows.difference import difference
from flows.history import history, version_page
from flows.roster import roster
from nightshift.errors import NightshiftError
from nightshift.server.forms import Between, Expert, Health, Number, Page, Row, Traffic
from nightshift.server.refusals import Refused, page_of
from nightshift.server.service import Service

PLAIN: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
Which = Annotated[Number, Path()]


def reading(service: Service) -> APIRouter:
    """The endpoints that only look; what they say is what the command says with --json."""
    routes = APIRouter()
    store = service.store

    @routes.get("/versions", response_model=list[Row])
    def versions() -> Response:
        """Every version, oldest first."""
        return JSONResponse(history(store))

    @routes.get("/versions/{version}", response_model=Page)
    def one_version(version: Which) -> Response:
        """Everything about one version."""
        return JSONResponse(version_page(store, version))

    @routes.get("/versions/{a}/difference/{b}", response_model=Between)
    def between(a: Which, b: Which) -> Response:
        """What version b has that version a had not, and the other way round."""
        return JSONResponse(difference(store, a, b).as_json())

    @routes.get("/experts", response_model=list[Expert])
    def experts(version: Number | None = None) -> Response:
        """Who serves what, and what it gained."""
        return JSONResponse(roster(store, version))

    @routes.get("/traffic", response_model=Traffic)
    async def traffic() -> Any:
        """How many queries each expert had a say in."""
        seen = service.traffic
        return Traffic(since=seen.since, queries=seen.queries, by_expert=seen.by_expert)

    @routes.get("/health", response_model=Health)
    def health() -> Any:
        """Whether the store can be opened, and what is served."""
        try:
            store.head()
            if service.versions.problem is not None:
                raise service.versions.problem
        except (NightshiftError, OSError) as error:
            page = page_of(error)
            raise Refused(503, str(page["error"]), page["try"] or "nightshift doctor") from error
        return service.health()

    @routes.get("/metrics", response_class=Response, responses={200: {"content": PLAIN}})
    def metrics() -> Response:
        """The same for Prometheus, with requests and their times."""
        page = service.metrics.page(service.health())
        return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
