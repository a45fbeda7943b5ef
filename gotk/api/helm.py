"""`helm.toolkit.fluxcd.io`: HelmRelease."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from gotk.api.kustomize import CommonMetadata, DependencyReference, Image, Patch
from gotk.api.meta import (
    CustomHealthCheck,
    IgnoreRule,
    Interval,
    KubeConfigReference,
    Object,
    ObjectSelector,
    ReconcileStatus,
    ResourceInventory,
    Struct,
    bounded,
)
from gotk.api.source import ChartVerification
from gotk.duration import Duration

GROUP = "helm.toolkit.fluxcd.io"

#: The annotations that ask for an upgrade, or to forget the failures: the value of `reconcile.fluxcd.io/requestedAt`.
FORCE_AT = "reconcile.fluxcd.io/forceAt"
RESET_AT = "reconcile.fluxcd.io/resetAt"

CRDsPolicy = Literal["Skip", "Create", "CreateReplace"]
ServerSide = Literal["enabled", "disabled", "auto"]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
_Namespace = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
_FIVE_MINUTES = Duration(300_000_000_000)


class ChartSourceReference(Struct, frozen=True, kw_only=True):
    """The source that a chart template's chart comes from."""

    kind: Literal["HelmRepository", "GitRepository", "Bucket"]
    name: _Name
    api_version: str = ""
    namespace: _Namespace | None = None


class ChartTemplateSpec(Struct, frozen=True, kw_only=True):
    """The spec of the HelmChart that is made of a template."""

    chart: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
    source_ref: ChartSourceReference
    version: str = "*"
    interval: Interval | None = None
    reconcile_strategy: Literal["ChartVersion", "Revision"] = "ChartVersion"
    values_files: tuple[str, ...] = ()
    #: Of v2beta1 and v2beta2: it comes before the others.
    values_file: str = ""
    ignore_missing_values_files: bool = False
    verify: ChartVerification | None = None


class ChartTemplate(Struct, frozen=True, kw_only=True):
    """The HelmChart that is made for a release."""

    spec: ChartTemplateSpec
    metadata: CommonMetadata | None = None


class ChartReference(Struct, frozen=True, kw_only=True):
    """An object whose artifact is the chart."""

    kind: Literal["OCIRepository", "HelmChart", "ExternalArtifact"]
    name: _Name
    api_version: str = ""
    namespace: _Namespace | None = None


class ValuesReference(Struct, frozen=True, kw_only=True):
    """A ConfigMap or Secret with values, or with one value for a path in them."""

    kind: Literal["Secret", "ConfigMap"]
    name: _Name
    values_key: Annotated[str, msgspec.Meta(max_length=253, pattern=r"^[\-._a-zA-Z0-9]+$")] | None = None
    target_path: (
        Annotated[str, msgspec.Meta(max_length=250, pattern=r"^([a-zA-Z0-9_\-.\\\/]|\[[0-9]{1,5}\])+$")] | None
    ) = None
    optional: bool = False
    literal: bool = False


class JSONOperation(Struct, frozen=True, kw_only=True):
    """One operation of RFC 6902; a value of null is none, as in Flux."""

    op: Literal["test", "remove", "add", "replace", "move", "copy"]
    path: str
    from_: str = msgspec.field(default="", name="from")
    value: Any = None


class JSONPatch(Struct, frozen=True, kw_only=True):
    """Operations on one object, as v2beta1 and v2beta2 have them."""

    patch: tuple[JSONOperation, ...]
    target: ObjectSelector


class PostRendererKustomize(Struct, frozen=True, kw_only=True):
    """What kustomize does to the rendered objects; two of its fields are those of v2beta1 and v2beta2."""

    patches: tuple[Patch, ...] = ()
    patches_strategic_merge: tuple[Mapping[str, Any], ...] = ()
    patches_json6902: tuple[JSONPatch, ...] = msgspec.field(default=(), name="patchesJson6902")
    images: tuple[Image, ...] = ()


class PostRenderer(Struct, frozen=True, kw_only=True):
    """One step between rendering and applying."""

    kustomize: PostRendererKustomize | None = None


class WaitStrategy(Struct, frozen=True, kw_only=True):
    """How the health of objects is told."""

    name: Literal["poller", "legacy"]


class DriftDetection(Struct, frozen=True, kw_only=True):
    """Whether the cluster is compared with the release, and what of it is left out."""

    mode: Literal["enabled", "warn", "disabled"] = "disabled"
    ignore: tuple[IgnoreRule, ...] = ()


class ActionStrategy(Struct, frozen=True, kw_only=True):
    """What follows a failed install or upgrade."""

    name: Literal["RemediateOnFailure", "RetryOnFailure"]
    retry_interval: Interval | None = None


class InstallRemediation(Struct, frozen=True, kw_only=True):
    """How often a failed install is removed and tried again; below zero without an end."""

    retries: int = 0
    ignore_test_failures: bool | None = None
    remediate_last_failure: bool | None = None


class UpgradeRemediation(InstallRemediation, frozen=True, kw_only=True):
    """How often a failed upgrade is taken back and tried again, and how."""

    strategy: Literal["rollback", "uninstall"] = "rollback"


class Install(Struct, frozen=True, kw_only=True):
    """How the release is installed."""

    timeout: Interval | None = None
    strategy: ActionStrategy | None = None
    remediation: InstallRemediation = InstallRemediation()
    disable_take_ownership: bool = False
    disable_wait: bool = False
    disable_wait_for_jobs: bool = False
    disable_hooks: bool = False
    disable_open_api_validation: bool = msgspec.field(default=False, name="disableOpenAPIValidation")
    disable_schema_validation: bool = False
    replace: bool = False
    skip_crds: bool = msgspec.field(default=False, name="skipCRDs")
    crds: CRDsPolicy = "Create"
    create_namespace: bool = False
    server_side_apply: bool | None = None


class Upgrade(Struct, frozen=True, kw_only=True):
    """How the release is upgraded."""

    timeout: Interval | None = None
    strategy: ActionStrategy | None = None
    remediation: UpgradeRemediation | None = None
    disable_take_ownership: bool = False
    disable_wait: bool = False
    disable_wait_for_jobs: bool = False
    disable_hooks: bool = False
    disable_open_api_validation: bool = msgspec.field(default=False, name="disableOpenAPIValidation")
    disable_schema_validation: bool = False
    force: bool = False
    preserve_values: bool = False
    cleanup_on_fail: bool = False
    crds: CRDsPolicy = "Create"
    server_side_apply: ServerSide = "auto"
    chart_name_change_strategy: Literal["InPlaceUpdate", "Reinstall"] = "Reinstall"


class TestFilter(Struct, frozen=True, kw_only=True):
    """A test of the chart to run, or to leave out."""

    __test__ = False

    name: _Name
    exclude: bool = False


class Test(Struct, frozen=True, kw_only=True):
    """Whether the chart's tests run after an install or upgrade, and which."""

    __test__ = False

    enable: bool = False
    timeout: Interval | None = None
    ignore_failures: bool = False
    filters: tuple[TestFilter, ...] = ()


class Rollback(Struct, frozen=True, kw_only=True):
    """How a failed upgrade is taken back."""

    timeout: Interval | None = None
    disable_wait: bool = False
    disable_wait_for_jobs: bool = False
    disable_hooks: bool = False
    recreate: bool = False
    force: bool = False
    cleanup_on_fail: bool = False
    server_side_apply: ServerSide = "auto"


class Uninstall(Struct, frozen=True, kw_only=True):
    """How the release is removed."""

    timeout: Interval | None = None
    disable_hooks: bool = False
    keep_history: bool = False
    disable_wait: bool = False
    deletion_propagation: Literal["background", "foreground", "orphan"] = "background"


class HelmReleaseSpec(Struct, frozen=True, kw_only=True):
    """Which chart to release with which values, and how."""

    interval: Interval
    chart: ChartTemplate | None = None
    chart_ref: ChartReference | None = None
    kube_config: KubeConfigReference | None = None
    suspend: bool = False
    release_name: Annotated[str, msgspec.Meta(min_length=1, max_length=53)] | None = None
    target_namespace: _Namespace | None = None
    storage_namespace: _Namespace | None = None
    depends_on: tuple[DependencyReference, ...] = ()
    timeout: Interval = _FIVE_MINUTES
    max_history: int = 5
    service_account_name: Annotated[str, bounded(minLength=1, maxLength=253)] = ""
    persistent_client: bool = True
    drift_detection: DriftDetection = DriftDetection()
    install: Install = Install()
    upgrade: Upgrade = Upgrade()
    test: Test = Test()
    rollback: Rollback = Rollback()
    uninstall: Uninstall = Uninstall()
    values_from: tuple[ValuesReference, ...] = ()
    values: Mapping[str, Any] | None = None
    common_metadata: CommonMetadata | None = None
    post_renderers: tuple[PostRenderer, ...] = ()
    post_render_strategy: Literal["nohooks", "combined", "separate"] | None = None
    wait_strategy: WaitStrategy | None = None
    health_check_exprs: tuple[CustomHealthCheck, ...] = ()


class TestHookStatus(Struct, frozen=True, kw_only=True):
    """How a test of the chart ended."""

    __test__ = False

    last_started: str | None = None
    last_completed: str | None = None
    phase: str = ""


class ReleaseSnapshot(Struct, frozen=True, kw_only=True):
    """One line of the history: a release as it was when it was made or last looked at."""

    digest: str
    name: str
    namespace: str
    version: int
    status: str
    chart_name: str
    chart_version: str
    config_digest: str
    first_deployed: str
    last_deployed: str
    api_version: str = ""
    action: str = ""
    app_version: str = ""
    deleted: str | None = None
    test_hooks: Mapping[str, TestHookStatus] | None = None
    oci_digest: str = ""


class HelmReleaseStatus(ReconcileStatus, frozen=True, kw_only=True):
    """What was released, and how often it failed."""

    observed_post_renderers_digest: str = ""
    observed_common_metadata_digest: str = ""
    last_attempted_generation: int = 0
    helm_chart: str = ""
    storage_namespace: Annotated[str, bounded(minLength=1, maxLength=63)] = ""
    history: tuple[ReleaseSnapshot, ...] = ()
    inventory: ResourceInventory | None = None
    last_attempted_release_action: Annotated[str, bounded(enum=["install", "upgrade"])] = ""
    last_attempted_release_action_duration: str = ""
    failures: int = 0
    install_failures: int = 0
    upgrade_failures: int = 0
    last_attempted_revision: str = ""
    last_attempted_revision_digest: str = ""
    last_attempted_config_digest: str = ""
    #: What older versions wrote instead.
    last_attempted_values_checksum: str = ""
    last_release_revision: int = 0
    last_handled_force_at: str = ""
    last_handled_reset_at: str = ""


class HelmRelease(Object, frozen=True, kw_only=True):
    """Releases a chart on a cluster."""

    spec: HelmReleaseSpec
    status: HelmReleaseStatus = HelmReleaseStatus(observed_generation=-1)
