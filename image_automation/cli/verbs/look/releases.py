"""What a HelmRelease has made: the objects of its release's manifest, as helm stores it, and its chart's definitions.

Answers to `getHelmReleaseInventory` of `flux2/cmd/flux/tree_kustomization.go`.
"""

import base64
import binascii
from collections.abc import Iterable

from deploy.cluster import manifests
from deploy.cluster.inventory import ObjectID
from deploy.helm import encoding
from gotk import documents
from gotk.kube import client as kube
from gotk.kube import errors
from image_automation.cli import kinds, output

HELM = "helm.toolkit.fluxcd.io"
_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


async def made(client: kube.Client, which: ObjectID) -> list[ObjectID]:
    """Return what a HelmRelease has made in this cluster; nothing where it is not installed, or in another one."""
    obj = await client.get_object(f"{HELM}/v2", "HelmRelease", which.namespace, which.name)
    history = kinds.dig(obj, "status", "history") or ()
    if not history or kinds.dig(obj, "spec", "kubeConfig"):
        return []
    latest = history[0]
    storage = str(kinds.dig(obj, "status", "storageNamespace") or which.namespace)
    found = await _manifest(client, storage, f"sh.helm.release.v1.{latest.get('name')}.v{latest.get('version')}")
    ids = await _placed(client, found, str(latest.get("namespace") or which.namespace))
    if _brings_definitions(obj):
        ids += [each for each in await _definitions(client, which) if each not in ids]
    return ids


async def _manifest(client: kube.Client, namespace: str, name: str) -> list[dict[str, object]]:
    try:
        secret = await client.get_object("v1", "Secret", namespace, name)
    except errors.NotFound:
        return []
    try:
        release = encoding.decode(base64.b64decode(str(kinds.dig(secret, "data", "release") or "")))
        return manifests.read([release.manifest])
    except (encoding.Unreadable, binascii.Error, documents.DocumentError) as error:
        output.fail(f"Secret/{namespace}/{name} does not hold a release: {error}")


async def _placed(client: kube.Client, objects: Iterable[dict[str, object]], namespace: str) -> list[ObjectID]:
    """Return the objects' ids; what names no namespace and lives in one lies in that of the release."""
    found = []
    for obj in objects:
        which = ObjectID.of(obj)
        if not which.namespace and await _lives_in_namespaces(client, str(obj["apiVersion"]), which.kind):
            which = ObjectID(namespace, which.name, which.group, which.kind)
        found.append(which)
    return found


async def _lives_in_namespaces(client: kube.Client, api_version: str, kind: str) -> bool:
    try:
        return await client.is_namespaced(api_version, kind)
    except errors.NoMatch:
        return False


def _brings_definitions(obj: kinds.Json) -> bool:
    policies = (kinds.dig(obj, "spec", action, "crds") for action in ("install", "upgrade"))
    return any(policy and policy != "Skip" for policy in policies)


async def _definitions(client: kube.Client, which: ObjectID) -> list[ObjectID]:
    labels = f"{HELM}/name={which.name},{HELM}/namespace={which.namespace}"
    return [ObjectID.of(obj) for obj in await client.list_objects(*_CRD, labels=labels)]
