"""Alerts that an older notification-controller put its finalizer on can be deleted."""

import asyncio

from gotk.kube.cache import Caches
from image_automation.notification.finalizers import FINALIZER, Finalizers
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import VirtualClock, in_virtual_time


@in_virtual_time
async def test_only_fluxs_finalizer_is_taken_off_and_only_at_the_end() -> None:
    cluster = MemoryCluster()
    alert = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert",
        "metadata": {"name": "a", "namespace": "apps", "finalizers": [FINALIZER, "example.com/mine"]},
        "spec": {"providerRef": {"name": "chat"}, "eventSources": []},
    }  # fmt: skip
    cluster.put(alert)
    caches = Caches(cluster, clock=VirtualClock())
    finalizers = Finalizers(caches=caches, client=cluster)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run()) for run in (*(cache.run for cache in caches), finalizers.run)]
        await asyncio.sleep(1)
        kept = cluster.objects["Alert", "apps", "a"]["metadata"]["finalizers"]
        cluster.delete("Alert", "apps", "a")
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
    assert kept == [FINALIZER, "example.com/mine"]
    assert cluster.objects["Alert", "apps", "a"]["metadata"]["finalizers"] == ["example.com/mine"]
