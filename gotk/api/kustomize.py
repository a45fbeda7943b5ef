"""`kustomize.toolkit.fluxcd.io`: Kustomization."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from gotk.api.meta import (
    CustomHealthCheck,
    IgnoreRule,
    Interval,
    KubeConfigReference,
    LocalObjectReference,
    NamespacedObjectReference,
    Object,
    ObjectSelector,
    ReconcileStatus,
    ResourceInventory,
    Struct,
)

GROUP = "kustomize.toolkit.fluxcd.io"


class CrossNamespaceSourceReference(Struct, frozen=True, kw_only=True):
    """The source whose artifact is built."""

    kind: Literal["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"]
    name: str
    api_version: str = ""
    namespace: str = ""


class DependencyReference(NamespacedObjectReference, frozen=True, kw_only=True):
    """A Kustomization that must be ready first."""

    ready_expr: str = ""


class Decryption(Struct, frozen=True, kw_only=True):
    """How encrypted manifests are read."""

    provider: Literal["sops"]
    secret_ref: LocalObjectReference | None = None
    service_account_name: str = ""


class CommonMetadata(Struct, frozen=True, kw_only=True):
    """Labels and annotations that every object gets."""

    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class Patch(Struct, frozen=True, kw_only=True):
    """A strategic merge or JSON patch, as text."""

    patch: str
    target: ObjectSelector | None = None


class Image(Struct, frozen=True, kw_only=True):
    """An image to replace in every object."""

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""


class SubstituteReference(Struct, frozen=True, kw_only=True):
    """A ConfigMap or Secret with variables."""

    kind: Literal["Secret", "ConfigMap"]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    optional: bool = False


class PostBuild(Struct, frozen=True, kw_only=True):
    """Variables that are substituted after the build."""

    substitute_strategy: Literal["WithVariables", "Always"] = "WithVariables"
    substitute: Mapping[str, str] = {}
    substitute_from: tuple[SubstituteReference, ...] = ()


class NamespacedObjectKindReference(Struct, frozen=True, kw_only=True):
    """An object whose health is awaited."""

    kind: str
    name: str
    api_version: str = ""
    namespace: str = ""


class KustomizationSpec(Struct, frozen=True, kw_only=True):
    """What to build from which source, and how to apply it."""

    interval: Interval
    source_ref: CrossNamespaceSourceReference
    prune: bool
    path: str = ""
    target_namespace: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] | None = None
    name_prefix: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    name_suffix: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    common_metadata: CommonMetadata | None = None
    components: tuple[str, ...] = ()
    ignore_missing_components: bool = False
    patches: tuple[Patch, ...] = ()
    images: tuple[Image, ...] = ()
    build_metadata: tuple[Literal["originAnnotations", "transformerAnnotations"], ...] = ()
    post_build: PostBuild | None = None
    decryption: Decryption | None = None
    depends_on: tuple[DependencyReference, ...] = ()
    health_checks: tuple[NamespacedObjectKindReference, ...] = ()
    health_check_exprs: tuple[CustomHealthCheck, ...] = ()
    wait: bool = False
    timeout: Interval | None = None
    retry_interval: Interval | None = None
    force: bool = False
    ignore: tuple[IgnoreRule, ...] = ()
    deletion_policy: Literal["MirrorPrune", "Delete", "WaitForTermination", "Orphan"] | None = None
    service_account_name: str = ""
    kube_config: KubeConfigReference | None = None
    suspend: bool = False


class Snapshot(Struct, frozen=True, kw_only=True):
    """One line of the history: what was reconciled, when, how often and how it ended."""

    digest: str
    first_reconciled: str
    last_reconciled: str
    last_reconciled_duration: str
    last_reconciled_status: str
    total_reconciliations: int
    metadata: Mapping[str, str] = {}


class KustomizationStatus(ReconcileStatus, frozen=True, kw_only=True):
    """What was applied."""

    last_applied_revision: str = ""
    last_applied_origin_revision: str = ""
    last_attempted_revision: str = ""
    inventory: ResourceInventory | None = None
    history: tuple[Snapshot, ...] = ()


class Kustomization(Object, frozen=True, kw_only=True):
    """Builds a source's manifests and applies them."""

    spec: KustomizationSpec
    status: KustomizationStatus = KustomizationStatus(observed_generation=-1)
