"""How many cases a law is tried on: hundreds or thousands in CI, a few on a developer's machine."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

IN_CI = os.environ.get("CI") == "true"


def thorough(cases: int) -> Callable[[Any], Any]:
    """Try a law on that many generated cases in CI, in as long as they take there; on 150 elsewhere."""
    tried = settings(
        max_examples=cases if IN_CI else 150,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return lambda law: pytest.mark.timeout(900)(tried(law))
