"""What waits for the end of a night: the example in the docs, and the names that it waits for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.events.schemas.automations import AutomationCore, EventTrigger

from flows.night import Night
from flows.outcome import Outcome
from flows.shift.verdict import NAMES, verdict

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
EVENT = "prefect.flow-run."


@pytest.fixture
def example() -> AutomationCore:
    [page] = re.findall(r"```yaml\n(.*?)```", OPERATIONS.read_text("utf-8"), re.DOTALL)
    return AutomationCore.model_validate(yaml.safe_load(page.replace(" ID ", f" {uuid4()} ")))


def outcome(kind: str, accepted: bool | None = None) -> Outcome:
    gate: dict[str, Any] | None = None if accepted is None else {"accepted": accepted}
    return Outcome("law", 240, kind, "why", gate=gate)


def night(*outcomes: Outcome, version: int | None = 2) -> Night:
    return Night("monday", version, outcomes, {}, 240, {})


def test_the_example_is_one_that_prefect_takes_and_that_can_come_true(
    example: AutomationCore,
) -> None:
    assert isinstance(example.trigger, EventTrigger)
    names = {f"{EVENT}Completed: {name}" for name in NAMES.values()}
    assert example.trigger.expect <= names


def test_every_name_is_in_the_docs() -> None:
    told = OPERATIONS.read_text("utf-8")
    assert not [name for name in NAMES.values() if f"`Completed: {name}`" not in told]


@pytest.mark.parametrize(
    ("nights", "name"),
    [
        ([night(outcome("absorb"))], "absorbed"),
        ([night(outcome("absorb", accepted=False))], "gate refused"),
        ([night(outcome("reuse", accepted=False))], "gate refused"),
        ([night(outcome("reuse", accepted=True))], "reused"),
        ([night(outcome("absorb"), outcome("spawn", accepted=True))], "spawned"),
        ([night(outcome("spawn")), night(outcome("refused"), version=None)], "batch refused"),
        ([night()], "documents changed"),
        ([night(version=None)], "nothing to do"),
    ],
)
def test_a_run_is_named_for_what_a_person_would_want_to_hear_of_first(
    nights: list[Night], name: str
) -> None:
    assert verdict(nights) == f"Completed: {name}"
