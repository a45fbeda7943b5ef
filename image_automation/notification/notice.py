"""The event as controllers post it, and what is said of it on the way to an alert.

Answers to `fluxcd/pkg/apis/event/v1beta1`: plain JSON without an envelope.
"""

import json
import re
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
_ANY_TIME = "2026-01-01T00:00:00Z"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_HALF = re.compile("[\ud800-\udfff]")


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
        """The API group; empty for the core group, and where the API version is none."""
        group, slash, version = self.api_version.partition("/")
        return group if slash and "/" not in version else ""


class Notice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event, as posted by a Flux controller or raised in this process."""

    involved_object: Involved = Involved()
    severity: str = ""
    timestamp: datetime | None = None
    message: str = ""
    reason: str = ""
    metadata: Mapping[str, str] | None = None
    reporting_controller: str = ""
    reporting_instance: str = ""
    #: Keys of metadata that the Alert's owner wrote: they go out as written. Never read from what is posted.
    by_owner: frozenset[str] = frozenset()

    @property
    def facts(self) -> Mapping[str, str]:
        """The metadata, none as empty."""
        return self.metadata or {}

    @property
    def size(self) -> int:
        """About how much memory it takes."""
        return len(self.message) + sum(len(key) + len(value) for key, value in self.facts.items())

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
            "timestamp": rfc3339(self.timestamp) if self.timestamp else None,
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
    """Decode a posted event as Go does. Raises ValueError that names the field.

    Names are known in any case, null is nothing, and bytes that are no UTF-8 are replaced.
    """
    try:
        found = json.loads(body.decode(errors="replace"), parse_constant=_no_constant)
        fields = _named(Notice, {} if found is None else found)
        if "involvedObject" in fields:
            fields["involvedObject"] = _named(Involved, fields["involvedObject"])
        if isinstance(metadata := fields.get("metadata"), dict):
            fields["metadata"] = {key: "" if value is None else value for key, value in metadata.items()}
        _check_time(fields.get("timestamp", _ANY_TIME))
        notice = msgspec.convert(_whole(fields), Notice)
        if notice.timestamp is None:
            return notice
        return msgspec.structs.replace(notice, timestamp=notice.timestamp.astimezone(UTC))
    except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        raise ValueError(f"not an event: {error}") from None


def _named(kind: type[msgspec.Struct], found: object) -> dict[str, Any]:
    """Return the fields that are given, under their exact names."""
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, got {type(found).__name__}")  # noqa: TRY004 - the sender's error
    names = {name.lower(): name for name in kind.__struct_encode_fields__ if name != "byOwner"}
    return {names[key.lower()]: value for key, value in found.items() if key.lower() in names and value is not None}


def _check_time(found: object) -> None:
    if not isinstance(found, str) or not _TIME.fullmatch(found):
        raise ValueError("its timestamp is no time of RFC 3339")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _whole(value: Any) -> Any:
    """Replace halves of surrogates, which no text of ours can carry."""
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


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
