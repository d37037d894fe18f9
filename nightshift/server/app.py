"""The service put together: endpoints inside, then bounds, the guard, headers, and the measure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from nightshift import __version__
from nightshift.errors import NightshiftError
from nightshift.server.bounds import Bounds
from nightshift.server.changing import changing
from nightshift.server.console import complain
from nightshift.server.forms import Refusal
from nightshift.server.guard import Guard
from nightshift.server.metrics import Measured
from nightshift.server.reading import reading
from nightshift.server.refusals import BROKEN, OPENAPI, Refused, response_to, status_of
from nightshift.server.service import Service
from nightshift.server.shell import Shell


def app(service: Service) -> ASGIApp:
    """What a server runs."""
    inside = Bounds(endpoints(service), service.limits)
    guarded = Guard(inside, service.door, service.limits.rate)
    return Measured(Shell(guarded), service.metrics)


def endpoints(service: Service) -> FastAPI:
    """All endpoints, and the store opened while they run."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with service.versions.followed(), service.asker.working():
            yield

    api = FastAPI(
        title="nightshift",
        version=__version__,
        lifespan=running,
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
        responses={"default": {"model": Refusal, "description": "What was wrong, and what to try"}},
    )
    api.include_router(reading(service))
    api.include_router(changing(service))

    @api.get("/", include_in_schema=False)
    def page() -> Response:
        if not (service.page / "index.html").is_file():
            raise Refused(404, "this installation has no page", OPENAPI)
        return FileResponse(service.page / "index.html")

    if service.page.is_dir():
        api.mount("/page", StaticFiles(directory=service.page))
    api.add_exception_handler(HTTPException, _of_the_framework)
    api.add_exception_handler(RequestValidationError, _of_a_form)
    api.add_exception_handler(NightshiftError, _of_ours)
    api.add_exception_handler(Exception, _unforeseen)
    return api


async def _of_ours(request: Request, error: Exception) -> Response:
    if status_of(error) == BROKEN:
        complain(error)
    return response_to(error)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """The shell hears of it too, and complains."""
    return response_to(error)


async def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {
        404: "there is nothing at this address",
        405: f"{request.method} is not understood here",
    }.get(error.status_code, error.detail)
    return response_to(Refused(error.status_code, sentence, OPENAPI, error.headers))


async def _of_a_form(request: Request, error: Exception) -> Response:
    """The first thing that is wrong, and where."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:] if isinstance(part, str))
    told = first["msg"].removeprefix("Value error, ")
    sentence = f"{place or first['loc'][0]}: {told}".encode(errors="replace").decode()
    return response_to(Refused(422, sentence, OPENAPI))
