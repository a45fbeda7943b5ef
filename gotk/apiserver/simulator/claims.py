"""PersistentVolumeClaims: bound to a volume of their own after a moment. Nothing is stored behind it."""

from typing import Any, Final

from gotk.apiserver.simulator import fate
from gotk.apiserver.simulator.world import CLAIMS, VOLUMES, World
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

DRIVER: Final = "simulator.image-automation.dev"
_BY = "pv.kubernetes.io/provisioned-by"


async def look(world: World, key: Key) -> float | None:
    """Bind a claim to a volume once its time has come; one that is told to fail stays Pending."""
    claim = world.get(key)
    if claim is None or (claim.get("status") or {}).get("phase") == "Bound":
        return None
    wanted = world.fate(claim)
    if wanted.outcome != fate.READY:
        return None
    left = wanted.delay - world.age(claim)
    if left > 0:
        return left
    spec = claim["spec"]
    name = spec.get("volumeName") or volume_name(claim["metadata"]["uid"])
    if not spec.get("volumeName"):
        if world.get(Key(VOLUMES, "", name)) is None:
            volume = await world.create(VOLUMES, "", _volume(claim, name))
            await world.report(VOLUMES, volume, {"phase": "Bound"})
        await world.change(CLAIMS, claim, lambda obj: obj["spec"].update(volumeName=name))
    capacity = (spec.get("resources") or {}).get("requests") or {}
    bound = {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": capacity}
    await world.report(CLAIMS, claim, bound)
    world.settled(claim)
    return None


async def look_at_volume(world: World, key: Key) -> float | None:
    """Delete a volume that was made here once its claim is gone."""
    volume = world.get(key)
    if volume is None or (volume["metadata"].get("annotations") or {}).get(_BY) != DRIVER:
        return None
    reference = volume["spec"].get("claimRef") or {}
    claim = world.get(Key(CLAIMS, reference.get("namespace", ""), reference.get("name", "")))
    if claim is None or claim["metadata"]["uid"] != reference.get("uid"):
        await world.delete(VOLUMES, volume)
    return None


def volume_name(uid: str) -> str:
    """Return the name of the volume that is made for a claim."""
    return f"pvc-{uid}"


def _volume(claim: Json, name: str) -> Json:
    spec, metadata = claim["spec"], claim["metadata"]
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": metadata["name"], "uid": metadata["uid"]}
    made: Json = {
        "accessModes": spec.get("accessModes") or [],
        "capacity": (spec.get("resources") or {}).get("requests") or {},
        "claimRef": {**reference, "namespace": metadata["namespace"]},
        "csi": {"driver": DRIVER, "volumeHandle": name},
        "persistentVolumeReclaimPolicy": "Delete",
        "volumeMode": spec.get("volumeMode", "Filesystem"),
    }
    if spec.get("storageClassName"):
        made["storageClassName"] = spec["storageClassName"]
    return {"metadata": {"name": name, "annotations": {_BY: DRIVER}}, "spec": made}
