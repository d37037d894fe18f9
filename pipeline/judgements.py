"""Real training pairs: which document answers which query, as `qrels/train.tsv` says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.documents import Key, Pair
from pipeline.files import File, Refused
from pipeline.readers import (
    Line,
    Quarantined,
    Record,
    check_identifier,
    check_unicode,
    identifier,
    read_lines,
    read_objects,
)


def read_pairs(
    queries: Iterable[File], train: File, source: str
) -> tuple[list[Pair], list[Quarantined]]:
    """A pair for every line of `train` with a score above zero; each pair once.

    The document may be one that an earlier night brought; who knows the index drops the others.

    >>> asked = File.holding("queries.jsonl", b'{"_id": "q", "text": "When is low tide?"}')
    >>> read_pairs([asked], File.holding("qrels/train.tsv", b"q\\t7\\t1\\nx\\t7\\t1\\n"), "sea")[0]
    [Pair(query='When is low tide?', key=('sea', '7'), origin='real')]
    """
    texts, quarantined = read_queries(queries)
    pairs: dict[Pair, None] = {}
    for judgement in _judgements(train, texts):
        if isinstance(judgement, Quarantined):
            quarantined.append(judgement)
        elif judgement.score > 0:
            pairs[Pair(texts[judgement.query], (source, judgement.document))] = None
    return list(pairs), quarantined


def read_grades(
    queries: Iterable[File], qrels: File, source: str
) -> dict[str, tuple[str, dict[Key, int]]]:
    """For every query with a relevant document in `qrels`: its text and its documents' grades.

    What cannot be read is left out: a bad line must not stop an evaluation.
    """
    texts, _ = read_queries(queries)
    found: dict[str, tuple[str, dict[Key, int]]] = {}
    for judgement in _judgements(qrels, texts):
        if not isinstance(judgement, Quarantined) and judgement.score > 0:
            _, grades = found.setdefault(judgement.query, (texts[judgement.query], {}))
            grades[source, judgement.document] = max(1, round(judgement.score))
    return found


def read_queries(files: Iterable[File]) -> tuple[dict[str, str], list[Quarantined]]:
    """The text of each query; an id counts where it is first written."""
    texts: dict[str, str] = {}
    quarantined: list[Quarantined] = []
    for file in files:
        for outcome in read_objects(file):
            if isinstance(outcome, Quarantined):
                quarantined.append(outcome)
                continue
            try:
                _take_query(outcome, texts)
            except Refused as refused:
                quarantined.append(Quarantined(outcome.where, str(refused)))
    return texts, quarantined


def _take_query(record: Record, texts: dict[str, str]) -> None:
    name, text = identifier(record.fields), record.fields.get("text")
    if not isinstance(text, str):
        raise Refused("the text is missing" if text is None else "the text is not a string")
    if not text.strip():
        raise Refused("the query is empty")
    if name in texts:
        same = texts[name] == text
        raise Refused(f"the id appears again with {'the same' if same else 'another'} text")
    texts[name] = check_unicode(text)


@dataclass(frozen=True)
class _Judgement:
    query: str
    document: str
    score: float


def _judgements(qrels: File, texts: dict[str, str]) -> Iterator[_Judgement | Quarantined]:
    """Each line as a judgement of a known query, or why it is none; the header is passed over."""
    for line in read_lines(qrels):
        if isinstance(line, Quarantined):
            yield line
            continue
        try:
            judgement = _judgement(line)
            _text_of(judgement.query, texts)
            yield judgement
        except Refused as refused:
            if not _is_header(line, qrels):
                yield Quarantined(line.where, str(refused))


def _judgement(line: Line) -> _Judgement:
    columns = line.text.split("\t")
    if len(columns) != 3:
        raise Refused("not three columns separated by tabs: query-id, corpus-id, score")
    try:
        score = float(columns[2])
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise Refused("the score is not a number")
    query, document = map(check_identifier, columns[:2])
    return _Judgement(query, document, score)


def _text_of(query: str, texts: dict[str, str]) -> str:
    if query not in texts:
        raise Refused("the query is unknown")
    return texts[query]


def _is_header(line: Line, train: File) -> bool:
    """The first line, when its third column is a word."""
    columns = line.text.split("\t")
    first = line.where == f"{train.place}:1"
    return first and len(columns) == 3 and columns[2].strip().isidentifier()
