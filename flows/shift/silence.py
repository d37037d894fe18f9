"""The automation that marks a night as crashed once it gives no more signs of life.

Runs tell Prefect every three minutes that they live. Prefect Cloud looks whether they do; a server
of one's own does so only if it is told to, and a run whose machine went away stays *Running*.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.checks.schedule import FLOWS

NAME = "nightshift: a run without a sign of life has crashed"
SILENCE = timedelta(minutes=10)
"""Three signs of life that did not come."""
ANY = "prefect.flow-run.*"


def watch_for_silence(client: SyncPrefectClient, silence: timedelta = SILENCE) -> None:
    """Have exactly one such automation on the server, as it is described here."""
    wanted = _automation(silence)
    known = client.read_automations_by_name(NAME)
    if [_described(one) for one in known] == [wanted]:
        return
    for one in known:
        client.delete_automation(one.id)
    client.create_automation(wanted)


def _described(automation: Automation) -> AutomationCore:
    return AutomationCore.model_validate(
        automation.model_dump(include=set(AutomationCore.model_fields))
    )


def _automation(silence: timedelta) -> AutomationCore:
    return AutomationCore(
        name=NAME,
        description="Without it, a run whose machine went away stays Running.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            # Any sign, by whatever name: a run may end as "Completed: spawned".
            expect={ANY},
            match=ResourceSpecification({"prefect.resource.id": ANY}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": "flow", "prefect.resource.name": list(FLOWS)}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
        ),
        actions=[
            ChangeFlowRunState(
                name=None,
                state=StateType.CRASHED,
                message="no sign of life from its process",
                force=False,
            )
        ],
    )
