"""Releases for the tests of this room."""

import base64
from typing import Any

from deploy.helm.release import Hook, Info, Release

MANIFEST = "---\n# Source: web/templates/map.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"


def release(version: int = 1, **fields: Any) -> Release:
    """Make a revision of `web`; `status`, `description` and `notes` go into its info."""
    info = {
        "status": "deployed",
        "first_deployed": "2026-01-02T03:04:05Z",
        "last_deployed": f"2026-01-02T03:04:{version:02}Z",
        "description": "Install complete",
    }
    given = {name: fields.pop(name) for name in ("status", "description", "notes") if name in fields}
    chart = {
        "metadata": {"name": "web", "version": "1.2.3", "apiVersion": "v2", "appVersion": "9"},
        "lock": None,
        "templates": [{"name": "templates/map.yaml", "data": base64.b64encode(MANIFEST.encode()).decode()}],
        "values": {"motto": "open"},
        "schema": None,
        "files": [],
    }
    plain: dict[str, Any] = {
        "name": "web",
        "namespace": "apps",
        "version": version,
        "info": Info(**{**info, **given}),
        "chart": chart,
        "config": {"motto": "wide"},
        "manifest": MANIFEST,
        "hooks": (Hook(name="h", kind="Job", path="web/templates/h.yaml", manifest="kind: Job", events=("test",)),),
        "apply_method": "ssa",
    }
    return Release(**{**plain, **fields})
