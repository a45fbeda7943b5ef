"""Whose the objects are that a release is about to make its own, where it may not take them from others.

Answers to `existingResourceConflict` of Helm's `pkg/action/validate.go`.
"""

from typing import Literal

from deploy.cluster.inventory import ObjectID
from deploy.cluster.objects import Manifest
from deploy.helm.actions import objects
from deploy.helm.actions.apply import Rollout
from deploy.helm.actions.plan import ActionError, Means
from deploy.helm.release import Release
from gotk.kube.errors import APIError, NotFound


async def check(work: Rollout, release: Release, means: Means, doing: Literal["install", "update"]) -> None:
    """See that what exists, and no older revision had, is the release's already. Raises ActionError."""
    for obj in work.manifests:
        if ObjectID.of(obj) in work.before:
            continue
        if complaint := await _complaint(obj, release, means):
            raise ActionError(f"unable to continue with {doing}: {complaint}", stored=False)


async def _complaint(obj: Manifest, release: Release, means: Means) -> str:
    metadata = obj["metadata"]
    name, namespace = str(metadata["name"]), str(metadata.get("namespace") or "")
    subject = f'{obj["kind"]} "{name}" in namespace "{namespace}"'
    try:
        live = await means.cluster.get_object(obj["apiVersion"], obj["kind"], namespace, name)
    except NotFound:
        return ""
    except APIError as error:
        return f"could not get information about the resource {subject}: {error.message}"
    why = objects.foreign(live, release)
    return f"{subject} exists and cannot be imported into the current release: {why}" if why else ""
