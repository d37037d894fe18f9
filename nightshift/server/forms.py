"""What requests and answers look like: the service's own description, which OpenAPI tells."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from nightshift.index import Hit
from nightshift.server.limits import CHARACTERS, HITS, NAMES, QUERIES, K
from pipeline.library import Filter


def _said(words: str) -> str:
    """What Python strips is more than what a pattern takes for space."""
    if not words.strip():
        raise ValueError("it says nothing")
    return words


Words = Annotated[
    str, StringConstraints(min_length=1, max_length=CHARACTERS), AfterValidator(_said)
]
Name = Annotated[str, StringConstraints(max_length=CHARACTERS)]
Names = Annotated[list[Name], Field(max_length=NAMES)]
Number = Annotated[int, Field(ge=1, le=10**8)]
"""A version's."""


class Form(BaseModel):
    """Whoever misspells a field is told so, and `true` is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Filters(Form):
    """Which documents may be found; all that is given must hold."""

    source: Annotated[Name | Names | None, Field(description="One, or any of these.")] = None
    segment: Annotated[Name | Names | None, Field(description="One, or any of these.")] = None
    id_prefix: Annotated[Name | None, Field(description="How a document's id starts.")] = None

    def as_filter(self) -> Filter:
        return Filter(_names(self.source), _names(self.segment), self.id_prefix or None)


class Question(Form):
    """One query, or several that one version answers together."""

    query: Words | None = None
    queries: Annotated[list[Words], Field(min_length=1, max_length=QUERIES)] | None = None
    k: Annotated[int, Field(ge=1, le=K)] = 10
    leg: Literal["both", "dense", "lexical"] = "both"
    instruction: Annotated[Name | None, Field(description="Which kind of text is meant.")] = None
    filters: Filters = Filters()
    version: Annotated[Number | None, Field(description="None: the live one.")] = None

    @model_validator(mode="after")
    def _is_one_or_several(self) -> Self:
        if (self.query is None) == (self.queries is None):
            raise ValueError('give either "query" or "queries"')
        if self.k * len(self.asked) > HITS:
            raise ValueError(f"k times the number of queries is at most {HITS}")
        return self

    @property
    def asked(self) -> list[str]:
        return self.queries or [self.query or ""]


class Typed(BaseModel):
    """One query as an address holds it: every value is a text there."""

    model_config = ConfigDict(extra="forbid")

    query: Words
    k: Annotated[int, Field(ge=1, le=K)] = 10
    leg: Literal["both", "dense", "lexical"] = "both"
    instruction: Name | None = None
    version: Number | None = None


class Answered(BaseModel):
    """What one query found, and the experts whose query vector found it."""

    route: dict[str, float]
    share: float | None
    hits: list[Hit]


class Answers(BaseModel):
    """Every answer is of this one version."""

    version: int
    answers: list[Answered]


class Row(BaseModel):
    """A version, as `nightshift history --json` tells it."""

    version: int
    parent: int | None
    time: str
    kind: str
    shift: Annotated[str | None, Field(description="Of a night: when its run began.")]
    outcomes: list[dict[str, Any]]
    documents: int
    experts: int
    expert_parameters: int
    reason: str
    seconds: dict[str, float]
    live: bool
    pinned: str | None


class Page(Row):
    """Everything about a version, as `nightshift show --json` tells it."""

    encoder: dict[str, Any]
    facts: dict[str, Any]
    index: dict[str, str]
    modules: dict[str, str]


class Between(BaseModel):
    """What lies between two versions, as `nightshift diff --json` tells it."""

    a: int
    b: int
    added: list[tuple[str, str]]
    removed: list[tuple[str, str]]
    changed: list[tuple[str, str]]
    experts: dict[str, str]
    kinds: dict[str, str]
    settings: dict[str, tuple[Any, Any]]
    encoders: tuple[str, str]


class Expert(BaseModel):
    """An expert, as `nightshift experts --json` tells it."""

    name: str
    method: str
    kind: str
    parent: str | None
    born: int
    parameters: int
    queries: int
    seconds: float
    gate: dict[str, Any]
    scale: list[float] | None
    reencoded: int
    serves: list[str]
    waits: bool
    share: float | None


class Traffic(BaseModel):
    """Queries that were asked since the service began, and in how many each expert had a say;
    `frozen` is the encoder alone.
    """

    since: str
    queries: int
    by_expert: dict[str, int]


class Health(BaseModel):
    """What is served; `last_night` is seconds since the last version that took a batch."""

    version: int
    last_night: float
    documents: int
    experts: int


class Rollback(Form):
    """As `nightshift rollback`: to whose modules, with its documents too or not, and why."""

    version: Number | None = None
    documents: bool = False
    reason: Words


class Approve(Form):
    """As `nightshift approve`: which expert may serve, and why."""

    expert: Name
    reason: Words | None = None


class Approved(BaseModel):
    """As `nightshift approve --json` tells it."""

    expert: str
    kind: str
    changes: dict[str, list[float]]
    objection: str | None
    version: int


class Reject(Form):
    """As `nightshift reject`: which expert may not, and why."""

    expert: Name
    reason: Words


class Rejected(BaseModel):
    """As `nightshift reject --json` tells it."""

    expert: str
    kind: str
    version: int


class BeforeAfter(BaseModel):
    before: Any
    after: Any


class RolledBack(BaseModel):
    """As `nightshift rollback --json` tells it."""

    version: int
    to: int
    documents: bool
    experts: BeforeAfter
    live_documents: BeforeAfter


class Key(Form):
    """What names a document."""

    source: Name
    id: Name


class Click(Form):
    """Somebody opened a document that a query had found."""

    query: Words
    document: Key
    version: Number
    rank: Annotated[int, Field(ge=1, le=K)] | None = None


class Kept(BaseModel):
    kept: bool


class Refusal(BaseModel):
    """One sentence, and what to try next."""

    model_config = ConfigDict(populate_by_name=True)

    error: str
    hint: str | None = Field(alias="try")


def _names(given: str | list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else (given,) if isinstance(given, str) else tuple(given)
