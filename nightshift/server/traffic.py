"""Who answers how much: queries by the experts that had a say in them, since the service began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily

from nightshift.index import Answer
from nightshift.server.console import now


class Traffic:
    """Counts queries whose vectors were asked; a search by words alone passes no expert.

    >>> traffic = Traffic()
    >>> routes = ({"frozen": 1.0}, {"e1": 0.6, "frozen": 0.4})
    >>> traffic.note(Answer(1, route, ()) for route in routes)
    >>> traffic.queries, dict(traffic.by_expert)
    (2, {'frozen': 2, 'e1': 1})
    """

    def __init__(self) -> None:
        self.since = now()
        self.queries = 0
        self.by_expert: Counter[str] = Counter()

    def note(self, answers: Iterable[Answer]) -> None:
        """These were given."""
        for answer in answers:
            self.queries += 1
            self.by_expert.update(answer.route.keys())

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The same as Prometheus asks for it."""
        told = "Queries that an expert had a say in; `frozen` is the encoder alone."
        family = CounterMetricFamily("nightshift_queries", told, labels=("expert",))
        for name, count in self.by_expert.items():
            family.add_metric((name,), count)
        yield family
