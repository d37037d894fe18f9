"""What asks, and what leaves something behind: searches, clicks, rollbacks, words about experts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from flows import mirror
from flows.approval import approve as let_serve
from flows.approval import reject as let_go
from flows.rollback import rollback as take_back
from nightshift.errors import NothingToDo
from nightshift.index import Answer
from nightshift.server.asking import Wanted
from nightshift.server.forms import (
    Answers,
    Approve,
    Approved,
    Click,
    Kept,
    Question,
    Reject,
    Rejected,
    Rollback,
    RolledBack,
    Typed,
)
from nightshift.server.journal import searches
from nightshift.server.service import Service


class _Outdated(Exception):
    """A purge took away what was being read; the version has been opened anew."""


def changing(service: Service) -> APIRouter:
    """The endpoints that take a form."""
    routes = APIRouter()

    @routes.post("/search", response_model=Answers)
    async def search(question: Question) -> Response:
        """The k best documents for each query, all of one version."""
        queries = question.asked
        where = question.filters.as_filter()
        wanted = Wanted(question.k, question.leg, question.instruction, where)
        try:
            answers = await _answers(service, question.version, queries, wanted)
        except _Outdated:
            answers = await _answers(service, question.version, queries, wanted)
        if question.leg != "lexical":
            service.traffic.note(answers)
        # Many hits take a while to write down; others are not to wait for that.
        return await run_in_threadpool(_told, service, queries, answers)

    @routes.get("/search", response_model=Answers)
    async def look(typed: Annotated[Typed, Query()]) -> Response:
        """The same for one query, for whoever types an address."""
        return await search(Question(**typed.model_dump()))

    @routes.post("/click", response_model=Kept)
    def click(click: Click) -> Any:
        """Write down that a document was opened; kept only if the service was told where."""
        line: dict[str, Any] = {"query": click.query, "version": click.version}
        line |= {"source": click.document.source, "id": click.document.id}
        if click.rank is not None:
            line["rank"] = click.rank
        return Kept(kept=service.clicks.write([line]))

    @routes.post("/rollback", response_model=RolledBack)
    async def rollback(wish: Rollback) -> Response:
        """Publish a version with an old one's modules; it is served when this returns."""
        done = await run_in_threadpool(
            take_back, service.store, wish.version, wish.reason, documents=wish.documents
        )
        return await _published(service, done.as_json())

    @routes.post("/approve", response_model=Approved)
    async def approve(word: Approve) -> Response:
        """Let an expert that waits serve its kind, unless somebody would be harmed by now."""
        done = await run_in_threadpool(let_serve, service.store, word.expert, word.reason)
        if done.objection:
            raise NothingToDo(
                f"{word.expert} goes on waiting: {done.objection}", hint="POST /reject"
            )
        return await _published(service, done.as_json())

    @routes.post("/reject", response_model=Rejected)
    async def reject(word: Reject) -> Response:
        """Let an expert that waits go."""
        done = await run_in_threadpool(let_go, service.store, word.expert, word.reason)
        return await _published(service, done.as_json())

    return routes


async def _published(service: Service, page: dict[str, Any]) -> Response:
    """It is published; whether it can be opened is what whoever follows HEAD will tell."""
    with suppress(Exception):
        await service.versions.catch_up()
    return JSONResponse(page, background=BackgroundTask(mirror.mirror, service.store))


def _told(service: Service, queries: list[str], answers: list[Answer]) -> Response:
    service.searches.write(searches(queries, answers))
    told = [
        {"route": one.route, "share": one.share, "hits": [asdict(hit) for hit in one.hits]}
        for one in answers
    ]
    return JSONResponse({"version": answers[0].version, "answers": told})


async def _answers(
    service: Service, version: int | None, queries: list[str], wanted: Wanted
) -> list[Answer]:
    async with service.versions.at(version) as opened:
        try:
            return await service.asker.ask(opened, queries, wanted)
        except OSError as error:
            if await service.versions.is_outdated(opened):
                raise _Outdated from error
            raise
