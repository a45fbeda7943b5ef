"""How many cases a law is tried on: as many as a minute or so allows in CI, a few on a developer's machine."""

import os

from hypothesis import HealthCheck, settings

CASES = 10_000 if os.environ.get("CI") == "true" else 150

#: For a law that must hold over many generated cases; a single case is fast.
THOROUGH = settings(
    max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
