"""What makes a registered version something that MLflow can serve: two small pages, no pickle.

modules/MLmodel           names nightshift/pyfunc.py, which opens the version
modules/nightshift.json   where the store is, and which version was meant
"""

from __future__ import annotations

import json
from importlib.metadata import version as installed
from pathlib import Path

from state.manifest import Manifest

PAGE = "nightshift.json"
ASKED = [
    {"name": "query", "type": "string", "required": True},
    {"name": "k", "type": "long", "required": False},
]
ANSWERED = [
    {"name": "query", "type": "string", "required": True},
    {"name": "rank", "type": "long", "required": True},
    {"name": "source", "type": "string", "required": True},
    {"name": "id", "type": "string", "required": True},
    {"name": "score", "type": "double", "required": True},
    {"name": "title", "type": "string", "required": True},
    {"name": "text", "type": "string", "required": True},
    {"name": "version", "type": "long", "required": True},
]


def servable(root: Path, manifest: Manifest, key: str) -> dict[str, bytes]:
    """The two pages by their path; `key` is the manifest's digest."""
    where = {"store": str(root.resolve()), "version": manifest.version, "manifest": key}
    model = {
        "flavors": {"python_function": {"loader_module": "nightshift.pyfunc", "data": PAGE}},
        "mlflow_version": installed("mlflow"),
        "model_uuid": key[:32],
        "signature": {"inputs": json.dumps(ASKED), "outputs": json.dumps(ANSWERED)},
        "utc_time_created": manifest.time.replace("T", " ").removesuffix("+00:00"),
    }
    # MLflow reads YAML, and JSON is YAML.
    return {
        "modules/MLmodel": json.dumps(model, indent=2).encode(),
        f"modules/{PAGE}": json.dumps(where, indent=2).encode(),
    }
