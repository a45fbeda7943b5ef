"""A release as helm stores it: what was rendered of which chart with which values, and how that ended.

Answers to `Release` of Helm's `pkg/release/v1`. The chart stays the JSON that helm has made of it: it is only read for
its metadata, and written back unchanged.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Status = Literal[
    "unknown",
    "deployed",
    "uninstalled",
    "superseded",
    "failed",
    "uninstalling",
    "pending-install",
    "pending-upgrade",
    "pending-rollback",
]
#: The states of a release that somebody works on, or that nobody finished.
PENDING: frozenset[str] = frozenset({"pending-install", "pending-upgrade", "pending-rollback"})


class HookExecution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a hook ran last; times are RFC 3339 text."""

    started_at: str = ""
    completed_at: str = ""
    phase: Literal["", "Unknown", "Running", "Succeeded", "Failed"] = ""


class Hook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An object that is made at a certain moment of an action, and not part of the release."""

    name: str
    kind: str
    path: str
    manifest: str
    events: tuple[str, ...] = ()
    last_run: HookExecution = HookExecution()
    weight: int = 0
    delete_policies: tuple[str, ...] = ()
    output_log_policies: tuple[str, ...] = ()


class Info(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a release was made and how it is; times are RFC 3339 text. After a rollback it says to which revision."""

    first_deployed: str = ""
    last_deployed: str = ""
    deleted: str = ""
    description: str = ""
    status: Status = "unknown"
    rollback_revision: int = 0
    notes: str = ""


class Release(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One revision of a release. `version` counts from 1, `config` are the values that the user gave."""

    name: str
    namespace: str
    version: int
    info: Info
    chart: Mapping[str, Any]
    config: Mapping[str, Any] | None = None
    manifest: str = ""
    hooks: tuple[Hook, ...] = ()
    apply_method: str = ""

    @property
    def full_name(self) -> str:
        """The release as messages name it: `apps/web.v3`."""
        return f"{self.namespace}/{self.name}.v{self.version}"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The chart's own metadata: `name`, `version`, `appVersion` and so on."""
        found: Mapping[str, Any] = self.chart.get("metadata") or {}
        return found

    @property
    def chart_name(self) -> str:
        """The chart as messages name it: `web@1.2.3`."""
        return f"{self.metadata.get('name', '')}@{self.metadata.get('version', '')}"
