"""`notification.toolkit.fluxcd.io`: Provider and Alert. Both are static: no status, nothing to reconcile."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from gotk.api.meta import Interval, LocalObjectReference, Object, Struct, Timeout

GROUP = "notification.toolkit.fluxcd.io"

#: The kinds whose events can be subscribed to.
SourceKind = Literal[
    "Bucket",
    "GitRepository",
    "Kustomization",
    "HelmRelease",
    "HelmChart",
    "HelmRepository",
    "ImageRepository",
    "ImagePolicy",
    "ImageUpdateAutomation",
    "OCIRepository",
    "ArtifactGenerator",
    "ExternalArtifact",
]
_Text = Annotated[str, msgspec.Meta(max_length=2048)]


class CrossNamespaceObjectReference(Struct, frozen=True, kw_only=True):
    """The objects that events come from: a kind and a name, `*` for all of them that carry the labels."""

    kind: SourceKind
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    namespace: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | None = None
    api_version: str = ""
    match_labels: Mapping[str, str] = {}


class ProviderSpec(Struct, frozen=True, kw_only=True):
    """Where messages go, and how to get in."""

    type: str
    channel: _Text = ""
    username: _Text = ""
    address: _Text = ""
    timeout: Timeout | None = None
    interval: Interval | None = None
    proxy: _Text = ""
    proxy_secret_ref: LocalObjectReference | None = None
    secret_ref: LocalObjectReference | None = None
    service_account_name: str = ""
    cert_secret_ref: LocalObjectReference | None = None
    commit_status_expr: str = ""
    suspend: bool = False


class Provider(Object, frozen=True, kw_only=True):
    """A service that messages are sent to."""

    spec: ProviderSpec


class AlertSpec(Struct, frozen=True, kw_only=True):
    """Which events go to which provider."""

    provider_ref: LocalObjectReference
    event_sources: tuple[CrossNamespaceObjectReference, ...]
    event_severity: Literal["info", "error"] = "info"
    inclusion_list: tuple[str, ...] = ()
    exclusion_list: tuple[str, ...] = ()
    event_metadata: Mapping[str, str] = {}
    summary: Annotated[str, msgspec.Meta(max_length=255)] = ""
    suspend: bool = False


class Alert(Object, frozen=True, kw_only=True):
    """A subscription to events."""

    spec: AlertSpec
