"""When the nights are: what prefect.yaml says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nightshift.errors import UsageError


@dataclass(frozen=True)
class Scheduled:
    """A deployment that runs by itself."""

    name: str
    cron: str
    timezone: str
    file: Path

    @property
    def told(self) -> str:
        """
        >>> Scheduled("nightly", "0 2 * * *", "Europe/Berlin", Path("prefect.yaml")).told
        '0 2 * * * (Europe/Berlin)'
        """
        return f"{self.cron} ({self.timezone})"


def scheduled(file: Path) -> list[Scheduled]:
    """The cron schedules of all deployments; none where there is no such file."""
    try:
        page = yaml.safe_load(file.read_text("utf-8"))
        return [
            Scheduled(one["name"], plan["cron"], plan.get("timezone", "UTC"), file)
            for one in page["deployments"]
            for plan in _plans(one)
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise UsageError(
            f"{file} does not say which deployments there are: {error}",
            hint="prefect deploy --all, which tells more",
        ) from error


def _plans(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan for plan in deployment.get("schedules") or () if "cron" in plan]
