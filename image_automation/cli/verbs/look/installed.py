"""What is installed on a cluster, and whether it is well: what `check` and `version` look at.

Answers to `flux2/cmd/flux/check.go` and `version.go`: an installation is known by the label that Flux's controllers
and definitions carry, as ours do.
"""

import re
from collections.abc import Mapping
from typing import Any

from deploy.cluster import inventory, wait
from gotk.kube import client as kube
from gotk.kube import errors
from gotk.runtime.clock import SystemClock
from gotk.semver import Range, Version
from image_automation.cli import cluster as clusters
from image_automation.cli import output

#: Since then definitions may hold rules that the API server evaluates, as ours do.
KUBERNETES = ">=1.29.0-0"

_CRDS = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_GIT = "gitrepositories.source.toolkit.fluxcd.io"
_OURS = "app.kubernetes.io/part-of=flux"
_PART_OF, _VERSION = "app.kubernetes.io/part-of", "app.kubernetes.io/version"
_BOOTSTRAPPED = "kustomize.toolkit.fluxcd.io/namespace"


async def prerequisites(cluster: clusters.Cluster) -> bool:
    """Say whether the cluster is new enough."""
    try:
        async with cluster.connect() as client:
            said = await client.version()
    except errors.APIError as error:
        output.failure(f"Kubernetes API call failed: {error}")
        return False
    try:
        version = Version.parse(re.split(r"[+-]", said.removeprefix("v"))[0])
    except ValueError:
        output.failure(f"Kubernetes version {said} cannot be read")
        return False
    if not Range.parse(KUBERNETES).contains(version):
        output.failure(f"Kubernetes version {said} does not match {KUBERNETES}")
        return False
    output.success(f"Kubernetes {said.removeprefix('v')} {KUBERNETES}")
    return True


async def components(cluster: clusters.Cluster) -> bool:
    """Say which version is on the cluster, and whether controllers and definitions are well."""
    async with cluster.connect() as client:
        output.action("checking version in cluster")
        well = [await _distribution(client)]
        output.action("checking controllers")
        well.append(await _controllers(client, cluster))
        output.action("checking crds")
        well.append(await _crds(client))
    return all(well)


async def images(client: kube.Client, namespace: str) -> dict[str, str]:
    """Return the tags of the controllers' images by their names."""
    found: dict[str, str] = {}
    for each in await client.list_objects("apps/v1", "Deployment", namespace, labels=_OURS):
        for image in _images(each):
            name, _, tag = image.rpartition("/")[2].partition("@")[0].partition(":")
            found[name] = tag
    return found


async def distribution(client: kube.Client) -> str:
    """Return which installation the definitions are of, such as `flux-v2.8.0`; empty where there is none."""
    try:
        crd = await client.get_object(*_CRDS, "", _GIT)
    except errors.NotFound:
        return ""
    labels = crd["metadata"].get("labels") or {}
    return "-".join(filter(None, (labels.get(_PART_OF), labels.get(_VERSION))))


async def objects(client: kube.Client) -> dict[tuple[str, str], int]:
    """Return how many objects of each kind of Flux's there are, by API group and kind, where there are any."""
    found = {}
    for crd in await client.list_objects(*_CRDS, labels=_OURS):
        spec = crd["spec"]
        stored = next(each["name"] for each in spec["versions"] if each["storage"])
        kind = str(spec["names"]["kind"])
        try:
            listed = await client.list_objects(f"{spec['group']}/{stored}", kind)
        except errors.NotFound:  # not served yet
            continue
        if listed:
            found[str(spec["group"]), kind] = len(listed)
    return found


async def _distribution(client: kube.Client) -> bool:
    try:
        crd = await client.get_object(*_CRDS, "", _GIT)
    except errors.NotFound as error:
        output.failure(f"checking failed: {error.message}: install it with `image-automation install`")
        return False
    labels = crd["metadata"].get("labels") or {}
    output.success(f"distribution: {await distribution(client)}")
    output.success(f"bootstrapped: {str(_BOOTSTRAPPED in labels).lower()}")
    return True


async def _controllers(client: kube.Client, cluster: clusters.Cluster) -> bool:
    found = await client.list_objects("apps/v1", "Deployment", cluster.namespace, labels=_OURS)
    if not found:
        output.failure(f"no controllers found in the '{cluster.namespace}' namespace with the label selector '{_OURS}'")
    waiter, well = wait.Waiter(clock=SystemClock()), bool(found)
    for each in found:
        name = each["metadata"]["name"]
        try:
            await waiter.until_current([inventory.item_of(each)], cluster=client, timeout=cluster.timeout)
        except wait.WaitError as error:
            output.failure(f"{name}: deployment not ready: {error}")
            well = False
        else:
            output.success(f"{name}: deployment ready")
        for image in _images(each):
            output.action(image)
    return well


async def _crds(client: kube.Client) -> bool:
    found = await client.list_objects(*_CRDS, labels=_OURS)
    if not found:
        output.failure(f"no crds found with the label selector '{_OURS}'")
    well = bool(found)
    for each in found:
        name = each["metadata"]["name"]
        stored = (each.get("status") or {}).get("storedVersions")
        if stored:
            output.success(f"{name}/{stored[-1]}")
        else:
            output.failure(f"no stored versions for {name}")
            well = False
    return well


def _images(deployment: Mapping[str, Any]) -> list[str]:
    return [str(each["image"]) for each in deployment["spec"]["template"]["spec"]["containers"]]
