"""`source.toolkit.fluxcd.io`: the sources, and the union of the kinds whose artifacts others build."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec

from gotk.api.meta import (
    AccessFrom,
    Artifact,
    Condition,
    Interval,
    LocalObjectReference,
    Object,
    ReconcileStatus,
    Struct,
    Timeout,
)
from gotk.duration import Duration

GROUP = "source.toolkit.fluxcd.io"


class GitRepositoryRef(Struct, frozen=True, kw_only=True):
    """What to check out; `commit` wins over `name`, `tag`, `semver` and `branch`, in this order."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    commit: str = ""


class GitRepositoryVerification(Struct, frozen=True, kw_only=True):
    """Which signatures must be there."""

    secret_ref: LocalObjectReference
    mode: Literal["head", "HEAD", "Tag", "TagAndHEAD"] = "HEAD"


class GitRepositoryInclude(Struct, frozen=True, kw_only=True):
    """Another GitRepository's content to copy in."""

    repository: LocalObjectReference
    from_path: str = ""
    to_path: str = ""


class GitRepositorySpec(Struct, frozen=True, kw_only=True):
    """Which repository to fetch, how often and with which credentials."""

    url: Annotated[str, msgspec.Meta(pattern=r"^(http|https|ssh|file)://.*$")]
    interval: Interval
    secret_ref: LocalObjectReference | None = None
    provider: Literal["generic", "aws", "azure", "github"] | None = None
    service_account_name: str | None = None
    timeout: Timeout = Duration(60_000_000_000)
    ref: GitRepositoryRef | None = None
    verify: GitRepositoryVerification | None = None
    proxy_secret_ref: LocalObjectReference | None = None
    ignore: str | None = None
    suspend: bool = False
    recurse_submodules: bool = False
    include: tuple[GitRepositoryInclude, ...] = ()
    sparse_checkout: tuple[str, ...] = ()


class GitRepositoryStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The artifact stored, and the settings it was made with."""

    artifact: Artifact | None = None
    included_artifacts: tuple[Artifact, ...] = ()
    observed_ignore: str | None = None
    observed_recurse_submodules: bool = False
    observed_include: tuple[GitRepositoryInclude, ...] = ()
    observed_sparse_checkout: tuple[str, ...] = ()
    source_verification_mode: str | None = None


class GitRepository(Object, frozen=True, kw_only=True):
    """A Git repository whose content is served as an artifact."""

    spec: GitRepositorySpec
    status: GitRepositoryStatus = GitRepositoryStatus(observed_generation=-1)


class HelmRepositorySpec(Struct, frozen=True, kw_only=True):
    """Which Helm repository to follow. One of type `oci` is only an address: it has no index to follow."""

    url: Annotated[str, msgspec.Meta(pattern=r"^(http|https|oci)://.*$")]
    type: Literal["default", "oci"] | None = None
    interval: Interval | None = None
    timeout: Timeout | None = None
    secret_ref: LocalObjectReference | None = None
    cert_secret_ref: LocalObjectReference | None = None
    pass_credentials: bool = False
    insecure: bool = False
    provider: Literal["generic", "aws", "azure", "gcp"] = "generic"
    suspend: bool = False
    access_from: AccessFrom | None = None

    @property
    def patience(self) -> float:
        """How many seconds a fetch may take."""
        return 60.0 if self.timeout is None else self.timeout.seconds

    @property
    def every(self) -> float:
        """How many seconds lie between looks."""
        return (self.interval.seconds if self.interval else 0.0) or 60.0


class HelmRepositoryStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The index stored."""

    artifact: Artifact | None = None
    url: str = ""


class HelmRepository(Object, frozen=True, kw_only=True):
    """A Helm repository whose index is served as an artifact."""

    spec: HelmRepositorySpec
    status: HelmRepositoryStatus = HelmRepositoryStatus(observed_generation=-1)


class OCIRepositoryRef(Struct, frozen=True, kw_only=True):
    """What to pull; `digest` wins over `semver` (within `semver_filter`) and `tag`. Nothing at all is `latest`."""

    tag: str = ""
    semver: str = ""
    semver_filter: str = ""
    digest: str = ""


class OCILayerSelector(Struct, frozen=True, kw_only=True):
    """Which layer to take, the first one of its media type, and what to do with it."""

    media_type: str = ""
    operation: Literal["extract", "copy"] | None = None


class OIDCIdentityMatch(Struct, frozen=True, kw_only=True):
    """Go regular expressions of who may have signed."""

    issuer: str
    subject: str


class OCIRepositoryVerification(Struct, frozen=True, kw_only=True):
    """Which signature must be there."""

    provider: Literal["cosign", "notation"] = "cosign"
    secret_ref: LocalObjectReference | None = None
    match_oidc_identity: tuple[OIDCIdentityMatch, ...] = msgspec.field(default=(), name="matchOIDCIdentity")
    trusted_root_secret_ref: LocalObjectReference | None = None


class OCIRepositorySpec(Struct, frozen=True, kw_only=True):
    """Which artifact to pull, how often and with which credentials."""

    url: Annotated[str, msgspec.Meta(pattern=r"^oci://.*$")]
    interval: Interval
    ref: OCIRepositoryRef | None = None
    layer_selector: OCILayerSelector | None = None
    provider: Literal["generic", "aws", "azure", "gcp"] = "generic"
    secret_ref: LocalObjectReference | None = None
    service_account_name: str | None = None
    cert_secret_ref: LocalObjectReference | None = None
    proxy_secret_ref: LocalObjectReference | None = None
    timeout: Timeout = Duration(60_000_000_000)
    verify: OCIRepositoryVerification | None = None
    ignore: str | None = None
    insecure: bool = False
    suspend: bool = False


class OCIRepositoryStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The artifact stored, and the settings it was made with."""

    artifact: Artifact | None = None
    url: str = ""
    observed_ignore: str | None = None
    observed_layer_selector: OCILayerSelector | None = None


class OCIRepository(Object, frozen=True, kw_only=True):
    """An artifact of a registry, whose content is served as an artifact of ours."""

    spec: OCIRepositorySpec
    status: OCIRepositoryStatus = OCIRepositoryStatus(observed_generation=-1)


class ExternalArtifactSourceRef(Struct, frozen=True, kw_only=True):
    """The object that an artifact was made for."""

    kind: str
    name: str
    api_version: str = ""
    namespace: str = ""


class ExternalArtifactSpec(Struct, frozen=True, kw_only=True):
    """What the artifact was made from."""

    source_ref: ExternalArtifactSourceRef | None = None


class ExternalArtifactStatus(Struct, frozen=True, kw_only=True):
    """Where the artifact is, as its maker says."""

    artifact: Artifact | None = None
    conditions: tuple[Condition, ...] = ()


class ExternalArtifact(Object, frozen=True, kw_only=True):
    """An artifact that another controller makes and serves; read here, and never written."""

    spec: ExternalArtifactSpec = ExternalArtifactSpec()
    status: ExternalArtifactStatus = ExternalArtifactStatus()


class HelmChartSource(Struct, frozen=True, kw_only=True):
    """Where a chart comes from: a source of the same namespace."""

    kind: Literal["HelmRepository", "GitRepository", "Bucket"]
    name: str
    api_version: str = ""


class ChartVerification(Struct, frozen=True, kw_only=True):
    """Which signature a chart must have."""

    provider: Literal["cosign", "notation"] = "cosign"
    secret_ref: LocalObjectReference | None = None
    match_oidc_identity: tuple[OIDCIdentityMatch, ...] = msgspec.field(default=(), name="matchOIDCIdentity")


class HelmChartSpec(Struct, frozen=True, kw_only=True):
    """Which chart of which source to follow, and what to make of it."""

    chart: str
    source_ref: HelmChartSource
    interval: Interval
    version: str = "*"
    reconcile_strategy: Literal["ChartVersion", "Revision"] = "ChartVersion"
    values_files: tuple[str, ...] = ()
    #: Of v1beta1 and v1beta2: it comes before the others.
    values_file: str = ""
    ignore_missing_values_files: bool = False
    suspend: bool = False
    verify: ChartVerification | None = None


class HelmChartStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The chart stored, and what it was made of."""

    artifact: Artifact | None = None
    observed_source_artifact_revision: str = ""
    observed_chart_name: str = ""
    observed_values_files: tuple[str, ...] = ()
    url: str = ""


class HelmChart(Object, frozen=True, kw_only=True):
    """A chart that is served as an artifact."""

    spec: HelmChartSpec
    status: HelmChartStatus = HelmChartStatus(observed_generation=-1)


class BucketSTS(Struct, frozen=True, kw_only=True):
    """Where short-lived credentials come from."""

    provider: Literal["aws", "ldap"]
    endpoint: Annotated[str, msgspec.Meta(pattern=r"^(http|https)://.*$")]
    secret_ref: LocalObjectReference | None = None
    cert_secret_ref: LocalObjectReference | None = None


class BucketSpec(Struct, frozen=True, kw_only=True):
    """Which bucket of which store to fetch, how often and with which credentials."""

    bucket_name: str
    endpoint: str
    interval: Interval
    provider: Literal["generic", "aws", "gcp", "azure"] = "generic"
    sts: BucketSTS | None = None
    insecure: bool = False
    region: str = ""
    prefix: str = ""
    secret_ref: LocalObjectReference | None = None
    service_account_name: str | None = None
    cert_secret_ref: LocalObjectReference | None = None
    proxy_secret_ref: LocalObjectReference | None = None
    timeout: Timeout = Duration(60_000_000_000)
    ignore: str | None = None
    suspend: bool = False


class BucketStatus(ReconcileStatus, frozen=True, kw_only=True):
    """The artifact stored, and the settings it was made with."""

    artifact: Artifact | None = None
    observed_ignore: str | None = None
    url: str = ""


class Bucket(Object, frozen=True, kw_only=True):
    """A bucket whose objects are served as an artifact."""

    spec: BucketSpec
    status: BucketStatus = BucketStatus(observed_generation=-1)


#: Whatever has an artifact that a Kustomization can build: a new kind joins this line, and its consumers read it.
Source: TypeAlias = GitRepository | OCIRepository | Bucket | ExternalArtifact

#: The same by the name that a reference spells, but for what is read only where a feature gate says so.
SOURCES: Mapping[str, type[Source]] = {kind.__name__: kind for kind in get_args(Source) if kind is not ExternalArtifact}
