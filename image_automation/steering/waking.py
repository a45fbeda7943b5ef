"""Letting automations see at once what was said of a Namespace, which nobody watches."""

import contextlib
from datetime import datetime

from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import REQUESTED_AT
from gotk.kube import errors
from gotk.runtime.clock import rfc3339
from image_automation.steering.cluster import Cluster


async def wake(cluster: Cluster, namespace: str | None, now: datetime) -> bool:
    """Ask the automations of a namespace, or of all, for a run; tell whether the person may. Raises APIError.

    One that is deleted meanwhile needs none.
    """
    patch = {"metadata": {"annotations": {REQUESTED_AT: rfc3339(now)}}}
    try:
        for obj in await cluster.list(ImageUpdateAutomation, namespace):
            with contextlib.suppress(errors.NotFound):
                await cluster.merge_patch(ImageUpdateAutomation, obj.metadata.namespace, obj.metadata.name, patch)
    except errors.Forbidden:
        return False
    return True
