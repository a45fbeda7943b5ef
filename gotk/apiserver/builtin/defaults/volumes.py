"""Defaults of volumes, claims and storage classes.

Answers to the volume rules of `pkg/apis/core/v1/defaults.go` and to `pkg/apis/storage/v1/defaults.go`.
"""

from typing import Any, Final

from gotk.apiserver.builtin.defaults.core import pull_policy
from gotk.apiserver.builtin.defaults.fill import Json, Rules, absent, inside, with_absent, with_zero, zero

_MODE: Final = with_absent(defaultMode=0o644)
_ISCSI: Final = with_zero(iscsiInterface="default")
_RBD: Final = with_zero(pool="rbd", user="admin", keyring="/etc/ceph/keyring")
_SCALE_IO: Final = with_zero(storageMode="ThinProvisioned", fsType="xfs")


def _volume(volume: Json) -> None:
    """Let a volume without a source be an empty directory."""
    if not any(value is not None for name, value in volume.items() if name != "name"):
        volume["emptyDir"] = {}
    if isinstance(image := volume.get("image"), dict):
        zero(image, pullPolicy=pull_policy(str(image.get("reference") or "")))


def _phase(obj: Json) -> None:
    zero(inside(obj, "status"), phase="Pending")


def _persistent_volume(obj: Json) -> None:
    _phase(obj)
    spec = inside(obj, "spec")
    zero(spec, persistentVolumeReclaimPolicy="Retain")
    absent(spec, volumeMode="Filesystem")


def _azure_disk(source: Json) -> None:
    values: dict[str, Any] = {"cachingMode": "ReadWrite", "fsType": "ext4", "kind": "Shared", "readOnly": False}
    absent(source, **values)


RULES: Final[Rules] = {
    "core.v1.AzureDiskVolumeSource": _azure_disk,
    "core.v1.ConfigMapVolumeSource": _MODE,
    "core.v1.DownwardAPIVolumeSource": _MODE,
    "core.v1.HostPathVolumeSource": with_absent(type=""),
    "core.v1.ISCSIPersistentVolumeSource": _ISCSI,
    "core.v1.ISCSIVolumeSource": _ISCSI,
    "core.v1.PersistentVolume": _persistent_volume,
    "core.v1.PersistentVolumeClaim": _phase,
    "core.v1.PersistentVolumeClaimSpec": with_absent(volumeMode="Filesystem"),
    "core.v1.ProjectedVolumeSource": _MODE,
    "core.v1.RBDPersistentVolumeSource": _RBD,
    "core.v1.RBDVolumeSource": _RBD,
    "core.v1.ScaleIOPersistentVolumeSource": _SCALE_IO,
    "core.v1.ScaleIOVolumeSource": _SCALE_IO,
    "core.v1.SecretVolumeSource": _MODE,
    "core.v1.ServiceAccountTokenProjection": with_absent(expirationSeconds=3600),
    "core.v1.Volume": _volume,
    "storage.v1.StorageClass": with_absent(reclaimPolicy="Delete", volumeBindingMode="Immediate"),
}
