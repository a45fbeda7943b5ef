"""The scheme: which struct stands for which kind, under which path, in which versions.

A kind is asked for by its struct (`client.get(ImagePolicy, ...)`). Older versions are served as field-identical
aliases by our own control plane; on a cluster only the storage version is asked for.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from gotk.api import core, helm, image, kustomize, notification, source, source_extensions
from gotk.api.meta import Object
from gotk.duration import Duration

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind as the API serves it. `group` is empty for the core group."""

    struct: type[Object]
    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    older: tuple[str, ...] = field(default=())

    @property
    def api_version(self) -> str:
        """`group/version`, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


RESOURCES = (
    Resource(
        struct=image.ImageRepository,
        group=image.GROUP,
        version="v1",
        kind="ImageRepository",
        plural="imagerepositories",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=image.ImagePolicy,
        group=image.GROUP,
        version="v1",
        kind="ImagePolicy",
        plural="imagepolicies",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=image.ImageUpdateAutomation,
        group=image.GROUP,
        version="v1",
        kind="ImageUpdateAutomation",
        plural="imageupdateautomations",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=source.GitRepository,
        group=source.GROUP,
        version="v1",
        kind="GitRepository",
        plural="gitrepositories",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=source.HelmRepository,
        group=source.GROUP,
        version="v1",
        kind="HelmRepository",
        plural="helmrepositories",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=source.ExternalArtifact,
        group=source.GROUP,
        version="v1",
        kind="ExternalArtifact",
        plural="externalartifacts",
    ),
    Resource(
        struct=source_extensions.ArtifactGenerator,
        group=source_extensions.GROUP,
        version="v1beta1",
        kind="ArtifactGenerator",
        plural="artifactgenerators",
    ),
    Resource(
        struct=source.HelmChart,
        group=source.GROUP,
        version="v1",
        kind="HelmChart",
        plural="helmcharts",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=source.OCIRepository,
        group=source.GROUP,
        version="v1",
        kind="OCIRepository",
        plural="ocirepositories",
        older=("v1beta2",),
    ),
    Resource(
        struct=source.Bucket,
        group=source.GROUP,
        version="v1",
        kind="Bucket",
        plural="buckets",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=kustomize.Kustomization,
        group=kustomize.GROUP,
        version="v1",
        kind="Kustomization",
        plural="kustomizations",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=helm.HelmRelease,
        group=helm.GROUP,
        version="v2",
        kind="HelmRelease",
        plural="helmreleases",
        older=("v2beta2", "v2beta1"),
    ),
    Resource(
        struct=notification.Receiver,
        group=notification.GROUP,
        version="v1",
        kind="Receiver",
        plural="receivers",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=notification.Provider,
        group=notification.GROUP,
        version="v1beta3",
        kind="Provider",
        plural="providers",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(
        struct=notification.Alert,
        group=notification.GROUP,
        version="v1beta3",
        kind="Alert",
        plural="alerts",
        older=("v1beta2", "v1beta1"),
    ),
    Resource(struct=core.Secret, group="", version="v1", kind="Secret", plural="secrets"),
    Resource(struct=core.ConfigMap, group="", version="v1", kind="ConfigMap", plural="configmaps"),
    Resource(struct=core.ServiceAccount, group="", version="v1", kind="ServiceAccount", plural="serviceaccounts"),
    Resource(struct=core.Namespace, group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False),
)
_BY_STRUCT = {resource.struct: resource for resource in RESOURCES}


def resource_of(struct: type[Object]) -> Resource:
    """Return how the kind of this struct is served."""
    return _BY_STRUCT[struct]


def _decode_hook(kind: type, value: Any) -> Any:
    if kind is Duration:
        if not isinstance(value, str):
            raise TypeError("Expected `str`")
        return Duration.parse(value)
    raise TypeError(f"no decoder for {kind.__name__}")


def _encode_hook(value: Any) -> Any:
    if isinstance(value, Duration):
        return str(value)
    raise TypeError(f"no encoder for {type(value).__name__}")


def decode(body: bytes, struct: type[T]) -> T:
    """Decode JSON into a struct. Raises msgspec.ValidationError that names the field and the cause."""
    return msgspec.json.decode(body, type=struct, dec_hook=_decode_hook)


def convert(value: Any, struct: type[T]) -> T:
    """Convert plain JSON values into a struct. Raises msgspec.ValidationError that names the field and the cause."""
    return msgspec.convert(value, type=struct, dec_hook=_decode_hook)


def to_builtins(value: Any) -> Any:
    """Turn a struct into plain JSON values, without the fields that are at their default."""
    return msgspec.to_builtins(value, enc_hook=_encode_hook)
