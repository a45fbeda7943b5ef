"""The event as controllers post it, and what is said of it on the way to an alert.

Answers to `fluxcd/pkg/apis/event/v1beta1`: plain JSON without an envelope.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gotk.runtime.clock import rfc3339
from gotk.runtime.events import ANNOTATION_PREFIX, Event

ERROR = "error"
INFO = "info"
PROGRESSING = "Progressing"
#: The free keys that a controller or an annotation may give.
EVENT_PREFIX = ANNOTATION_PREFIX


class Involved(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The object that an event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        group, slash, _ = self.api_version.rpartition("/")
        return group if slash else ""


class Notice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event, as posted by a Flux controller or raised in this process."""

    involved_object: Involved = Involved()
    severity: str = INFO
    timestamp: datetime | None = None
    message: str = ""
    reason: str = ""
    metadata: Mapping[str, str] | None = None
    reporting_controller: str = ""
    reporting_instance: str = ""

    @property
    def facts(self) -> Mapping[str, str]:
        """The metadata, none as empty."""
        return self.metadata or {}

    @property
    def is_error(self) -> bool:
        """Whether something failed."""
        return self.severity == ERROR

    @property
    def time(self) -> datetime:
        """When it happened; Go's zero time where the sender did not say."""
        return self.timestamp or datetime(1, 1, 1, tzinfo=UTC)

    @property
    def title(self) -> str:
        """`kind/name.namespace`, as chat messages name an object."""
        about = self.involved_object
        return f"{about.kind.lower()}/{about.name}.{about.namespace}"

    @property
    def path(self) -> str:
        """`Kind/namespace/name`, as events name an object."""
        about = self.involved_object
        return f"{about.kind}/{about.namespace}/{about.name}"

    def value(self, key: str) -> str:
        """Return a value that the controller gave under its own group, or an empty text."""
        return self.facts.get(f"{self.involved_object.group}/{key}", "")

    def as_json(self) -> dict[str, Any]:
        """Return the JSON as Flux writes it: its order, without empty metadata."""
        body: dict[str, Any] = {
            "involvedObject": msgspec.to_builtins(self.involved_object),
            "severity": self.severity,
            "timestamp": rfc3339(self.time) if self.timestamp else None,
            "message": self.message,
            "reason": self.reason,
            "metadata": dict(sorted(self.facts.items())),
            "reportingController": self.reporting_controller,
            "reportingInstance": self.reporting_instance,
        }
        for optional in ("metadata", "reportingInstance"):
            if not body[optional]:
                del body[optional]
        return body


def read(body: bytes) -> Notice:
    """Decode a posted event. Raises ValueError that names the field."""
    try:
        notice = msgspec.json.decode(body, type=Notice)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not an event: {error}") from None
    if notice.timestamp is not None and notice.timestamp.tzinfo is None:
        return msgspec.structs.replace(notice, timestamp=notice.timestamp.replace(tzinfo=UTC))
    return notice


def of(event: Event, instance: str) -> Notice:
    """Make a notice of an event of this process."""
    about = event.about
    return Notice(
        involved_object=Involved(
            kind=about.kind,
            namespace=about.namespace,
            name=about.name,
            uid=about.uid,
            api_version=about.api_version,
            resource_version=about.resource_version,
        ),
        severity=ERROR if event.severity == "Warning" else INFO,
        timestamp=event.time,
        message=event.message,
        reason=event.reason,
        metadata=dict(event.metadata),
        reporting_controller=event.controller,
        reporting_instance=instance,
    )
