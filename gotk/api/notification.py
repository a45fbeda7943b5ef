"""`notification.toolkit.fluxcd.io`: Receiver, Provider and Alert.

Provider and Alert are static: nothing reconciles them and they have no status, as in Flux since v1beta3.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from gotk.api.meta import Interval, LocalObjectReference, Object, ReconcileStatus, Struct, Timeout
from gotk.duration import Duration

GROUP = "notification.toolkit.fluxcd.io"

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
_Long = Annotated[str, msgspec.Meta(max_length=2048)]

Kind = Literal[
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

ReceiverType = Literal[
    "generic",
    "generic-hmac",
    "generic-oidc",
    "github",
    "gitlab",
    "bitbucket",
    "harbor",
    "dockerhub",
    "quay",
    "gcr",
    "nexus",
    "acr",
    "cdevents",
    "artifactory",
    "distribution",
]

ProviderType = Literal[
    "slack",
    "discord",
    "msteams",
    "rocket",
    "generic",
    "generic-hmac",
    "github",
    "gitlab",
    "gitea",
    "giteapullrequestcomment",
    "bitbucketserver",
    "bitbucket",
    "azuredevops",
    "googlechat",
    "googlepubsub",
    "webex",
    "sentry",
    "azureeventhub",
    "telegram",
    "lark",
    "matrix",
    "opsgenie",
    "alertmanager",
    "grafana",
    "githubdispatch",
    "githubpullrequestcomment",
    "gitlabmergerequestcomment",
    "pagerduty",
    "datadog",
    "nats",
    "zulip",
    "otel",
    "zoom",
    "incident.io",
    "incidentio",
    "apprise",
]


class CrossNamespaceObjectReference(Struct, frozen=True, kw_only=True):
    """Objects of a kind: one by name, or with the name `*` those that carry the labels."""

    kind: Kind
    name: _Name
    api_version: str = ""
    namespace: _Name | None = None
    match_labels: Mapping[str, str] | None = None


class ReceiverResource(CrossNamespaceObjectReference, frozen=True, kw_only=True):
    """What a Receiver notifies, and under which condition (CEL)."""

    filter: str = ""


class OIDCVariable(Struct, frozen=True, kw_only=True):
    """A CEL expression over the claims, by a name that later expressions may use."""

    name: str
    expression: str


class OIDCValidation(Struct, frozen=True, kw_only=True):
    """A CEL expression that must be true of the claims, and what to say where it is not."""

    expression: str
    message: str


class OIDCProvider(Struct, frozen=True, kw_only=True):
    """An issuer whose tokens are taken, and what they must say."""

    issuer_url: Annotated[str, msgspec.Meta(pattern=r"^https?://")] = msgspec.field(name="issuerURL")
    validations: Annotated[tuple[OIDCValidation, ...], msgspec.Meta(min_length=1)]
    audience: str = "notification-controller"
    variables: tuple[OIDCVariable, ...] = ()


class ReceiverSpec(Struct, frozen=True, kw_only=True):
    """Who calls, how the call is proven, and what it wakes."""

    type: ReceiverType
    resources: tuple[ReceiverResource, ...]
    interval: Interval = Duration.parse("10m")
    events: tuple[str, ...] = ()
    resource_filter: str = ""
    secret_ref: LocalObjectReference | None = None
    oidc_providers: tuple[OIDCProvider, ...] = ()
    suspend: bool = False


class ReceiverStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The path that takes the calls."""

    webhook_path: str = ""


class Receiver(Object, frozen=True, kw_only=True):
    """A webhook that asks objects to reconcile."""

    spec: ReceiverSpec
    status: ReceiverStatus = ReceiverStatus(observed_generation=-1)


class ProviderSpec(Struct, frozen=True, kw_only=True):
    """Where notifications go, and how to get in there."""

    type: ProviderType
    interval: Interval | None = None
    channel: _Long = ""
    username: _Long = ""
    address: _Long = ""
    timeout: Timeout | None = None
    proxy: Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^(http|https)://.*$")] | None = None
    proxy_secret_ref: LocalObjectReference | None = None
    secret_ref: LocalObjectReference | None = None
    service_account_name: str | None = None
    cert_secret_ref: LocalObjectReference | None = None
    suspend: bool = False
    commit_status_expr: str = ""


class Provider(Object, frozen=True, kw_only=True):
    """A service that notifications are sent to."""

    spec: ProviderSpec


class AlertSpec(Struct, frozen=True, kw_only=True):
    """Which events of which objects are sent to which provider."""

    provider_ref: LocalObjectReference
    event_sources: tuple[CrossNamespaceObjectReference, ...]
    event_severity: Literal["info", "error"] = "info"
    event_metadata: Mapping[str, str] = {}
    inclusion_list: tuple[str, ...] = ()
    exclusion_list: tuple[str, ...] = ()
    summary: Annotated[str, msgspec.Meta(max_length=255)] = ""
    suspend: bool = False


class Alert(Object, frozen=True, kw_only=True):
    """Sends events of objects to a provider."""

    spec: AlertSpec
