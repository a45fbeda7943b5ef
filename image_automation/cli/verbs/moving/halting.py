"""What a move stops and starts again: the sync of the installation, and the Deployments that act."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deploy.cluster import inventory
from deploy.cluster.objects import subject
from deploy.installation import installed
from gotk.kube import errors
from image_automation.cli import output
from image_automation.cli.verbs.moving.survey import CRDS, KUSTOMIZATION

if TYPE_CHECKING:
    from gotk.kube import client as kube

Json = Mapping[str, Any]
#: On a Kustomization: it is suspended by a move, and not by its user.
_MARK = "image-automation.dev/moving"
_KEPT = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}


async def sync_of(client: "kube.Client", leaving: installed.Installation | None, namespace: str) -> Json | None:
    """Return the Kustomization that applies the installation; of one that is gone, the one that bootstrap makes."""
    place = leaving.synced_by if leaving else (namespace, namespace)
    if place is None:
        return None
    try:
        return await client.get_object(*KUSTOMIZATION, *place)
    except errors.NotFound:
        return None


def is_marked(kustomization: Json) -> bool:
    """Tell whether a move has suspended a Kustomization."""
    return _MARK in (kustomization["metadata"].get("annotations") or {})


def check(kustomization: Json) -> None:
    """Refuse what somebody else has suspended. Raises Failure."""
    if kustomization["spec"].get("suspend") and not is_marked(kustomization):
        output.fail(f"{subject(kustomization)} is suspended, so that no push would get through: resume it first")


async def suspend(client: "kube.Client", kustomization: Json, *, resumes: bool) -> None:
    """Let nobody apply or prune the installation until the move is over, or its user says so."""
    mark = {"metadata": {"annotations": {_MARK: "true"}}} if resumes else {}
    await _patch(client, kustomization, {**mark, "spec": {"suspend": True}})
    output.success(f"{subject(kustomization)} suspended")


async def resume(client: "kube.Client", kustomization: Json) -> None:
    """End what `suspend` began."""
    await _patch(client, kustomization, {"metadata": {"annotations": {_MARK: None}}, "spec": {"suspend": None}})
    output.success(f"{subject(kustomization)} resumed")


async def _patch(client: "kube.Client", obj: Json, patch: Json) -> None:
    metadata = obj["metadata"]
    await client.patch_object(
        obj["apiVersion"], obj["kind"], str(metadata.get("namespace") or ""), metadata["name"], patch
    )


async def stop(client: "kube.Client", deployments: Sequence[Json], timeout: float) -> None:
    """Scale Deployments to nothing and see their pods gone. Raises Failure."""
    from deploy.cluster import wait  # noqa: PLC0415 - heavy imports wait
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415

    pods: list[dict[str, Any]] = []
    for each in deployments:
        await _patch(client, each, {"spec": {"replicas": 0}})
        output.success(f"{subject(each)} scaled to 0")
        labels = ",".join(f"{key}={value}" for key, value in each["spec"]["selector"]["matchLabels"].items())
        pods += await client.list_objects("v1", "Pod", each["metadata"]["namespace"], labels=labels)
    if not pods:
        return
    output.waiting(f"waiting for {len(pods)} pods to stop")
    items = [inventory.item_of(each) for each in pods]
    if left := await wait.Waiter(clock=SystemClock()).until_gone(items, cluster=client, timeout=timeout):
        names = ", ".join(item.id.subject for item in left)
        output.fail(f"still there after {timeout:g}s, and two must not act at once: {names}")


async def keep_definitions(client: "kube.Client", definitions: Sequence[Json], arriving: Sequence[Json]) -> None:
    """Keep definitions that the kit does not bring from being pruned, and with them every object of their kinds."""
    names = {each["metadata"]["name"] for each in arriving if each["kind"] == CRDS[1]}
    for each in definitions:
        if each["metadata"]["name"] not in names:
            await _patch(client, each, {"metadata": {"annotations": _KEPT}})
            output.success(f"{subject(each)} stays, with its objects")


async def delete(client: "kube.Client", obj: Json) -> None:
    """Delete an object that is still the one that was found."""
    metadata = obj["metadata"]
    place = (obj["apiVersion"], obj["kind"], str(metadata.get("namespace") or ""), metadata["name"])
    try:
        await client.delete_object(*place, uid=metadata["uid"])
    except errors.NotFound:
        return
    output.success(f"{subject(obj)} deleted")
