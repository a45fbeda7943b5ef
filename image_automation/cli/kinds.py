"""The kinds as the command line names and prints them: nouns, aliases, columns.

Answers to `flux2/cmd/flux`: the adapters of `get`, `reconcile`, `suspend` and `resume`. A kind's struct is loaded when
it is asked for: a verb that prints an object from flags needs none.
"""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gotk.api.meta import Object

Json = Mapping[str, Any]
_SOURCE, _EXTENSIONS = "source.toolkit.fluxcd.io/v1", "source.extensions.fluxcd.io/v1beta1"
_IMAGE, _KUSTOMIZE, _HELM = "image.toolkit.fluxcd.io/v1", "kustomize.toolkit.fluxcd.io/v1", "helm.toolkit.fluxcd.io/v2"
_ALERTS, _RECEIVERS = "notification.toolkit.fluxcd.io/v1beta3", "notification.toolkit.fluxcd.io/v1"
#: The module of `gotk.api` that a group's structs are in.
_MODULES = {
    "source.toolkit.fluxcd.io": "source",
    "source.extensions.fluxcd.io": "source_extensions",
    "image.toolkit.fluxcd.io": "image",
    "kustomize.toolkit.fluxcd.io": "kustomize",
    "helm.toolkit.fluxcd.io": "helm",
    "notification.toolkit.fluxcd.io": "notification",
}
_HEX = re.compile(r"\b[a-f0-9]{40,128}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind: its names, what its row holds and what a good reconcile says.

    `words` are the words after a verb (`source git`). `details` gives the cells between NAME and READY under `columns`;
    with `suspendable` a SUSPENDED column follows them. `done` words what a good reconcile brought. A `static` kind has
    no status: its objects are ready by being there; `static_when` tells of which objects that is so of other kinds.
    """

    api_version: str
    name: str
    human: str
    words: tuple[str, ...]
    aliases: tuple[str, ...]
    columns: tuple[str, ...]
    details: Callable[[Json], Sequence[str]]
    done: Callable[[Json], str]
    suspendable: bool = True
    shortens: bool = True
    has_source: bool = False
    static: bool = False
    static_when: Callable[[Json], bool] = lambda _: False

    @property
    def struct(self) -> "type[Object]":
        """The struct that stands for the kind."""
        module = _MODULES[self.api_version.partition("/")[0]]
        struct: type[Object] = getattr(importlib.import_module(f"gotk.api.{module}"), self.name)
        return struct

    def is_suspended(self, obj: Json) -> bool:
        """Tell whether an object is left alone."""
        from image_automation import acts  # noqa: PLC0415 - see the module

        pause = acts.PAUSES.get(self.struct)
        if pause is not None:
            return acts.is_paused(dig(obj, "metadata", "annotations") or {}, pause)
        return bool(dig(obj, "spec", "suspend"))

    def suspending(self, *, on: bool) -> dict[str, Any]:
        """Return the patch that lets an object be left alone, or no more."""
        from image_automation import acts  # noqa: PLC0415 - see the module

        return acts.suspending(self.struct, on=on)

    def is_static(self, obj: Json) -> bool:
        """Tell whether an object has no status: it is ready by being there."""
        return self.static or self.static_when(obj)


def dig(obj: Json, *path: str) -> Any:
    """Follow keys into an object; None where one is missing."""
    value: Any = obj
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def source_of(obj: Json) -> Json:
    """Return the reference to what an object is made of: a source, or what holds a release's chart."""
    places = (("sourceRef",), ("chartRef",), ("chart", "spec", "sourceRef"))
    found = (dig(obj, "spec", *place) for place in places)
    return next((ref for ref in found if ref is not None), {})


def shorten(text: str) -> str:
    """Cut long hexadecimal runs (revisions, digests) to eight digits."""
    return _HEX.sub(lambda match: match[0][:8], text)


def condition(obj: Json, type_: str) -> Json | None:
    """Return a condition of an object."""
    return next((found for found in dig(obj, "status", "conditions") or () if found.get("type") == type_), None)


def readiness(obj: Json) -> tuple[str, str]:
    """Return Ready's status, title-cased, and its message."""
    ready = condition(obj, "Ready")
    if ready is None:
        return "False", "waiting to be reconciled"
    return str(ready["status"]).title(), str(ready.get("message", ""))


def receiver_url(hostname: str, path: str) -> str:
    """Join the address that a Receiver's sender is told with its path; https unless said otherwise."""
    base = hostname if "://" in hostname else f"https://{hostname}"
    return base.rstrip("/") + path


def _text(*path: str) -> Callable[[Json], Sequence[str]]:
    return lambda obj: (str(dig(obj, *path) or ""),)


def _reference(obj: Json) -> str:
    ref = dig(obj, "status", "latestRef") or {}
    digest = f"@{ref['digest']}" if ref.get("digest") else ""
    return f"selected ref {ref.get('name', '')}:{ref.get('tag', '')}{digest}"


def _is_registry(obj: Json) -> bool:
    return bool(dig(obj, "spec", "type") == "oci")


def _helm_repository_done(obj: Json) -> str:
    if _is_registry(obj):
        return "Helm repository is Ready"
    return f"fetched revision {dig(obj, 'status', 'artifact', 'revision')}"


def _released(obj: Json) -> str:
    """Return the chart version of the newest release, or the one that was tried."""
    history = dig(obj, "status", "history") or [{}]
    return str(history[0].get("chartVersion") or dig(obj, "status", "lastAttemptedRevision") or "")


def _made_for(obj: Json) -> str:
    ref = dig(obj, "spec", "sourceRef")
    return "/".join(str(ref.get(key) or "") for key in ("kind", "namespace", "name")) if ref else ""


GIT_REPOSITORY = Kind(
    api_version=_SOURCE,
    name="GitRepository",
    human="source git",
    words=("source", "git"),
    aliases=(),
    columns=("REVISION",),
    details=_text("status", "artifact", "revision"),
    done=lambda obj: f"fetched revision {dig(obj, 'status', 'artifact', 'revision')}",
)
HELM_REPOSITORY = Kind(
    api_version=_SOURCE,
    name="HelmRepository",
    human="source helm",
    words=("source", "helm"),
    aliases=(),
    columns=("REVISION",),
    details=_text("status", "artifact", "revision"),
    done=_helm_repository_done,
    static_when=_is_registry,
)
EXTERNAL_ARTIFACT = Kind(
    api_version=_SOURCE,
    name="ExternalArtifact",
    human="source external-artifact",
    words=("source", "external-artifact"),
    aliases=("external",),
    columns=("REVISION", "SOURCE"),
    details=lambda obj: (str(dig(obj, "status", "artifact", "revision") or ""), _made_for(obj)),
    done=lambda obj: f"fetched revision {dig(obj, 'status', 'artifact', 'revision')}",
    suspendable=False,
)
ARTIFACT_GENERATOR = Kind(
    api_version=_EXTENSIONS,
    name="ArtifactGenerator",
    human="artifact generator",
    words=("artifact", "generator"),
    aliases=("generators",),
    columns=(),
    details=lambda _: (),
    done=lambda obj: f"generated {len(dig(obj, 'status', 'inventory') or ())} artifact(s)",
)
OCI_REPOSITORY = Kind(
    api_version=_SOURCE,
    name="OCIRepository",
    human="source oci",
    words=("source", "oci"),
    aliases=(),
    columns=("REVISION",),
    details=_text("status", "artifact", "revision"),
    done=lambda obj: f"fetched revision {dig(obj, 'status', 'artifact', 'revision')}",
)
BUCKET = Kind(
    api_version=_SOURCE,
    name="Bucket",
    human="source bucket",
    words=("source", "bucket"),
    aliases=(),
    columns=("REVISION",),
    details=_text("status", "artifact", "revision"),
    done=lambda obj: f"fetched revision {dig(obj, 'status', 'artifact', 'revision')}",
)
HELM_CHART = Kind(
    api_version=_SOURCE,
    name="HelmChart",
    human="source chart",
    words=("source", "chart"),
    aliases=(),
    columns=("REVISION",),
    details=_text("status", "artifact", "revision"),
    done=lambda obj: f"fetched revision {dig(obj, 'status', 'artifact', 'revision')}",
)
IMAGE_REPOSITORY = Kind(
    api_version=_IMAGE,
    name="ImageRepository",
    human="image repository",
    words=("image", "repository"),
    aliases=("repo",),
    columns=("LAST SCAN",),
    details=_text("status", "lastScanResult", "scanTime"),
    done=lambda obj: f"scan fetched {dig(obj, 'status', 'lastScanResult', 'tagCount') or 0} tags",
)
IMAGE_POLICY = Kind(
    api_version=_IMAGE,
    name="ImagePolicy",
    human="image policy",
    words=("image", "policy"),
    aliases=(),
    columns=("IMAGE", "TAG"),
    details=lambda obj: [str(dig(obj, "status", "latestRef", key) or "") for key in ("name", "tag")],
    done=_reference,
    suspendable=False,
    shortens=False,
)
IMAGE_UPDATE = Kind(
    api_version=_IMAGE,
    name="ImageUpdateAutomation",
    human="image update automation",
    words=("image", "update"),
    aliases=("auto",),
    columns=("LAST RUN",),
    details=_text("status", "lastAutomationRunTime"),
    done=lambda obj: readiness(obj)[1],
)
KUSTOMIZATION = Kind(
    api_version=_KUSTOMIZE,
    name="Kustomization",
    human="kustomization",
    words=("kustomization",),
    aliases=("ks", "kustomizations"),
    columns=("REVISION",),
    details=_text("status", "lastAppliedRevision"),
    done=lambda obj: f"applied revision {dig(obj, 'status', 'lastAppliedRevision')}",
    has_source=True,
)
HELM_RELEASE = Kind(
    api_version=_HELM,
    name="HelmRelease",
    human="helmrelease",
    words=("helmrelease",),
    aliases=("hr", "helmreleases"),
    columns=("REVISION",),
    details=lambda obj: (_released(obj),),
    done=lambda obj: f"applied revision {_released(obj)}",
    shortens=False,
    has_source=True,
)
ALERT = Kind(
    api_version=_ALERTS,
    name="Alert",
    human="alert",
    words=("alert",),
    aliases=("alerts",),
    columns=(),
    details=lambda _: (),
    done=lambda _: "Alert is Ready",
    static=True,
)
PROVIDER = Kind(
    api_version=_ALERTS,
    name="Provider",
    human="alert provider",
    words=("alert-provider",),
    aliases=("alert-providers",),
    columns=(),
    details=lambda _: (),
    done=lambda _: "Provider is Ready",
    suspendable=False,
    static=True,
)

RECEIVER = Kind(
    api_version=_RECEIVERS,
    name="Receiver",
    human="receiver",
    words=("receiver",),
    aliases=("receivers",),
    columns=(),
    details=lambda _: (),
    done=lambda obj: f"generated webhook URL {dig(obj, 'status', 'webhookPath')}",
    shortens=False,
)

SOURCES = (BUCKET, GIT_REPOSITORY, OCI_REPOSITORY, HELM_REPOSITORY, HELM_CHART)
IMAGES = (IMAGE_REPOSITORY, IMAGE_POLICY, IMAGE_UPDATE)
APPLIERS = (HELM_RELEASE, KUSTOMIZATION)
ALL = (*SOURCES, ARTIFACT_GENERATOR, *IMAGES, *APPLIERS, RECEIVER)
#: What is printed: `ExternalArtifact` is somebody else's to reconcile.
EVERY = (*SOURCES, EXTERNAL_ARTIFACT, ARTIFACT_GENERATOR, *IMAGES, *APPLIERS, RECEIVER)
