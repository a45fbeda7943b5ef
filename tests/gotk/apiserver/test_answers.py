"""Requests that a real API server once answered, sent to ours in the same order."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gotk.apiserver.server import ControlPlane
from tests.gotk.apiserver.caller import Caller

STEPS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "answers" / "custom-resources.json").read_text()
)["steps"]

