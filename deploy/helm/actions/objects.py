"""The objects of a release: read from its manifest, marked as helm marks them, put into their namespaces.

Answers to `setMetadataVisitor` and `checkOwnership` of Helm's `pkg/action/validate.go`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.cluster import manifests, ports
from deploy.cluster.comparing import normal
from deploy.cluster.objects import Manifest, group_of
from deploy.cluster.owner import Owner
from deploy.helm.release import Hook, Release
from gotk import documents
from gotk.kube import errors

MANAGED_BY = "app.kubernetes.io/managed-by"
RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
_POLICY = "helm.sh/resource-policy"
_UNREADABLE = "unable to build kubernetes objects from release manifest"


class ObjectsError(Exception):
    """The manifest of a release cannot be read, or has objects that the cluster does not know."""


async def of(release: Release, *, cluster: ports.Cluster, owner: Owner) -> list[Manifest]:
    """Return the objects of a release in the form that is applied. Raises ObjectsError and APIError.

    A kind that the cluster does not serve is an error, unless the release brings its definition.
    """
    found = read(release.manifest)
    for obj in found:
        normal.prepare(obj, owner=owner, labels={MANAGED_BY: "Helm"}, annotations=_marks(release))
    placed, unknown = await _place(found, release.namespace, cluster)
    if unknown:
        raise ObjectsError(f"{_UNREADABLE}: {unknown[0]}")
    return placed


async def known(release: Release, *, cluster: ports.Cluster) -> list[Manifest]:
    """Return the objects of an older release that the cluster still serves. Raises ObjectsError and APIError."""
    found = read(release.manifest)
    for obj in found:
        normal.normalise(obj)
    placed, _ = await _place(found, release.namespace, cluster)
    return placed


async def of_hook(hook: Hook, release: Release, *, cluster: ports.Cluster) -> list[Manifest]:
    """Return the objects of a hook in the form that is made; a name may be left to the cluster.

    Raises ObjectsError and APIError.
    """
    try:
        found = [value for value in documents.load(hook.manifest, later_wins=True) if value is not None]
    except documents.DocumentError as error:
        raise ObjectsError(str(error)) from error
    for value in found:
        if not _is_named(value):
            raise ObjectsError("it has no apiVersion, kind and metadata.name")
        normal.normalise(value)
    placed, unknown = await _place(found, release.namespace, cluster)
    if unknown:
        raise ObjectsError(unknown[0])
    return placed


def read(text: str) -> list[Manifest]:
    """Read a manifest; it may be helm's own, for which a key may come twice. Raises ObjectsError."""
    try:
        return manifests.read([text], later_wins=True)
    except documents.DocumentError as error:
        raise ObjectsError(f"{_UNREADABLE}: {error}") from error


def _is_named(value: Any) -> bool:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    named = isinstance(metadata, dict) and (metadata.get("name") or metadata.get("generateName"))
    return bool(named and value.get("apiVersion") and value.get("kind"))


async def _place(found: Sequence[Manifest], namespace: str, cluster: ports.Cluster) -> tuple[list[Manifest], list[str]]:
    """Put objects into their namespaces, in place; return those of known kinds, and complaints about the others."""
    scopes = _scopes(found)
    placed, unknown = [], []
    for obj in found:
        kind = (str(obj["apiVersion"]), str(obj["kind"]))
        try:
            namespaced = await cluster.is_namespaced(*kind)
        except errors.NoMatch as error:
            scope = scopes.get((group_of(obj), kind[1]))
            if scope is None:
                unknown.append(_no_match(obj, namespace, error))
                continue
            namespaced = scope == "Namespaced"
        if not namespaced:
            obj["metadata"].pop("namespace", None)
        elif not obj["metadata"].get("namespace"):
            obj["metadata"]["namespace"] = namespace
        placed.append(obj)
    return placed, unknown


def _scopes(found: Sequence[Manifest]) -> Mapping[tuple[str, str], str]:
    """Return the scopes of the kinds that are defined among the objects."""
    specs = [obj.get("spec") for obj in found if obj["kind"] == "CustomResourceDefinition"]
    defined = [
        (spec, names) for spec in specs if isinstance(spec, dict) and isinstance(names := spec.get("names"), dict)
    ]
    return {(str(spec.get("group")), str(names.get("kind"))): str(spec.get("scope")) for spec, names in defined}


def _no_match(obj: Manifest, namespace: str, error: errors.NoMatch) -> str:
    name, within = obj["metadata"].get("name", ""), obj["metadata"].get("namespace") or namespace
    return (
        f'resource mapping not found for name: "{name}" namespace: "{within}": {error.message}: '
        "ensure CRDs are installed first"
    )


def _marks(release: Release) -> Mapping[str, str]:
    return {RELEASE_NAME: release.name, RELEASE_NAMESPACE: release.namespace}


def foreign(live: Mapping[str, Any], release: Release) -> str | None:
    """Return why a live object is not of a release, in helm's words; None where it is."""
    metadata = live.get("metadata") or {}
    wanted = [("label", "labels", MANAGED_BY, "Helm")]
    wanted += [("annotation", "annotations", key, value) for key, value in _marks(release).items()]
    wrong = [
        f"{what} validation error: {complaint}"
        for what, place, key, value in wanted
        if (complaint := _complaint(metadata.get(place) or {}, key, value))
    ]
    return f"invalid ownership metadata; {'; '.join(wrong)}" if wrong else None


def _complaint(values: Mapping[str, Any], key: str, value: str) -> str:
    if key not in values:
        return f'missing key "{key}": must be set to "{value}"'
    return "" if values[key] == value else f'key "{key}" must equal "{value}": current value is "{values[key]}"'


def kept(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object outlives its release: `helm.sh/resource-policy: keep`."""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(_POLICY) or "").strip().lower() == "keep"
