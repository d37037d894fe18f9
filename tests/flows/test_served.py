"""A version as MLflow's server asks it: by several requests at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import worlds

from nightshift.index import open_index
from nightshift.pyfunc import Served
from state.store import Store


def test_requests_at_the_same_time_are_answered_as_one_by_one(grown: Store) -> None:
    """MLflow asks in threads."""
    import pandas as pd

    asked = [worlds.query(kind, n) for n in range(12) for kind in ("law", "sea")]
    with open_index(grown.root) as index:
        served = Served(index)
        alone = [served.predict(pd.DataFrame({"query": [one]})) for one in asked]
        with ThreadPoolExecutor(8) as threads:
            together = list(
                threads.map(lambda one: served.predict(pd.DataFrame({"query": [one]})), asked)
            )
    for one, other in zip(alone, together, strict=True):
        pd.testing.assert_frame_equal(one, other)
