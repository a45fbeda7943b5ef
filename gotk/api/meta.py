"""What every API object shares: metadata, conditions, references and the base structs.

Answers to `k8s.io/apimachinery/pkg/apis/meta/v1` and `fluxcd/pkg/apis/meta`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from gotk.duration import Duration

#: The annotation that asks for a run now: any value that the status has not handled.
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"

INTERVAL_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
TIMEOUT_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"

#: A duration that may be given in hours.
Interval = Annotated[Duration, msgspec.Meta(extra_json_schema={"type": "string", "pattern": INTERVAL_PATTERN})]
#: A duration of the source and image APIs' `timeout`, which refuse hours.
Timeout = Annotated[Duration, msgspec.Meta(extra_json_schema={"type": "string", "pattern": TIMEOUT_PATTERN})]


class Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of every API struct: immutable, keyword-only, camelCase on the wire, unknown fields ignored."""


class OwnerReference(Struct, frozen=True, kw_only=True):
    """Who an object belongs to."""

    api_version: str
    kind: str
    name: str
    uid: str


class ObjectMeta(Struct, frozen=True, kw_only=True):
    """The part of `metadata` that controllers read. Times stay RFC 3339 text."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()


class Object(Struct, frozen=True, kw_only=True):
    """Any API object: what it is and its metadata."""

    api_version: str
    kind: str
    metadata: ObjectMeta


def bounded(**schema: Any) -> Any:
    """Bounds that the cluster checks when it is written to; what is already stored is read as it is."""
    return msgspec.Meta(extra_json_schema=schema)


_CONDITION_TYPE = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_REASON = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
_DIGEST = r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"


class Condition(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """`metav1.Condition`: one aspect of an object's state."""

    type: Annotated[str, bounded(pattern=_CONDITION_TYPE, maxLength=316)]
    status: Annotated[str, bounded(enum=["True", "False", "Unknown"])]
    reason: Annotated[str, bounded(pattern=_REASON, minLength=1, maxLength=1024)]
    message: Annotated[str, bounded(maxLength=32768)]
    last_transition_time: str
    observed_generation: Annotated[int, bounded(minimum=0)] = 0


class LocalObjectReference(Struct, frozen=True, kw_only=True):
    """The name of an object in the referrer's own namespace."""

    name: str


class SecretKeyReference(Struct, frozen=True, kw_only=True):
    """A key of a secret."""

    name: str
    key: str = ""


class KubeConfigReference(Struct, frozen=True, kw_only=True):
    """The cluster to apply to, where it is another one."""

    config_map_ref: LocalObjectReference | None = None
    secret_ref: SecretKeyReference | None = None


class CustomHealthCheck(Struct, frozen=True, kw_only=True):
    """CEL expressions that tell the health of a kind."""

    api_version: str
    current: str
    kind: str = ""
    in_progress: str = ""
    failed: str = ""


class ObjectSelector(Struct, frozen=True, kw_only=True):
    """Which objects something is for; the fields are anchored regular expressions."""

    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    annotation_selector: str = ""
    label_selector: str = ""


class IgnoreRule(Struct, frozen=True, kw_only=True):
    """JSON pointers that are left out when drift is looked for."""

    paths: tuple[str, ...]
    target: ObjectSelector | None = None


class NamespacedObjectReference(Struct, frozen=True, kw_only=True):
    """A name, and a namespace where it is not the referrer's."""

    name: str
    namespace: str = ""


class NamespaceSelector(Struct, frozen=True, kw_only=True):
    """Labels that a namespace must carry; none at all matches every namespace."""

    match_labels: Mapping[str, str] = {}


class AccessFrom(Struct, frozen=True, kw_only=True):
    """From which namespaces an object may be referred to: any of the selectors."""

    namespace_selectors: tuple[NamespaceSelector, ...]


class LabelSelectorRequirement(Struct, frozen=True, kw_only=True):
    """One expression of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Struct, frozen=True, kw_only=True):
    """`metav1.LabelSelector`: all of the labels and all of the expressions."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class Artifact(Struct, frozen=True, kw_only=True):
    """`status.artifact` of a source: where its tarball is, what it holds and from when it is."""

    digest: Annotated[str, bounded(pattern=_DIGEST)]
    path: str
    url: str
    revision: str
    last_update_time: str
    size: int | None = None
    metadata: Mapping[str, str] | None = None


class ReconcileStatus(Struct, frozen=True, kw_only=True):
    """The status fields that every reconciled kind has."""

    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    last_handled_reconcile_at: str = ""


class ResourceRef(Struct, frozen=True, kw_only=True):
    """An applied object: `<namespace>_<name>_<group>_<kind>` and its version."""

    id: str
    v: str


class ResourceInventory(Struct, frozen=True, kw_only=True):
    """Every object that was applied."""

    entries: tuple[ResourceRef, ...]
