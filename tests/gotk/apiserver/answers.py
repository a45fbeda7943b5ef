"""What a real API server answered: requests to a custom resource's path, in order, and its replies.

The file was recorded once from Kubernetes' own apiextensions-apiserver; uids, times and versions vary between runs.
"""

import json
import pathlib
from typing import Any

STEPS: list[dict[str, Any]] = json.loads(
    (pathlib.Path(__file__).parent / "answers" / "custom-resources.json").read_text()
)["steps"]
CRD: dict[str, Any] = STEPS[0]["request"]["body"]
BY_NAME = {step["step"]: step for step in STEPS}


def body(name: str) -> Any:
    """Return a copy of what was sent."""
    return json.loads(json.dumps(BY_NAME[name]["request"]["body"]))


def answer(name: str) -> Any:
    """Return a copy of what was answered."""
    return json.loads(json.dumps(BY_NAME[name]["response"]["body"]))
