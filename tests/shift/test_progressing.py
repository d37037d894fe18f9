"""What a night shows of itself is worth less than the night."""

from __future__ import annotations

import logging

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.shift import progressing
from flows.shift.progressing import Progressing


def test_a_server_that_is_away_costs_no_night(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progressing, "SOON", 0.0)
    shown = Progressing()
    nowhere = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with nowhere, caplog.at_level(logging.WARNING, progressing.__name__):
        for done in range(5):
            shown("encoding", done, 4)
    assert [record.message.split(",")[0] for record in caplog.records] == ["encoding goes on"]
