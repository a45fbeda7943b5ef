"""Volumes, claims, classes.

Answers to the volume parts of `pkg/apis/core/validation` and to `pkg/apis/storage/validation`.
"""

from collections.abc import Iterator
from typing import Final

from gotk.apiserver import cause
from gotk.apiserver.builtin.validation.checks import (
    Json,
    Rules,
    at,
    each_of,
    inner,
    label,
    may_be,
    required,
    subdomain,
)
from gotk.apiserver.cause import Cause

_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES: Final = ("Block", "Filesystem")
#: What of a PersistentVolume's spec is no source.
_PLAIN: Final = {
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
}


def _one_source(volume: Json, path: str) -> Iterator[Cause]:
    yield from _sources([name for name in volume if name != "name" and volume[name] is not None], path)


def _one_backing(spec: Json, path: str) -> Iterator[Cause]:
    sources = [name for name in spec if name not in _PLAIN and spec[name] is not None]
    if not sources:
        yield cause.required(path, "must specify a volume type")
    yield from _sources(sources, path)


def _sources(present: list[str], path: str) -> Iterator[Cause]:
    for name in present[1:]:
        yield cause.forbidden(at(path, name), "may not specify more than 1 volume type")


def _claim(spec: Json, path: str) -> Iterator[Cause]:
    modes = spec.get("accessModes")
    if not modes:
        yield cause.required(at(path, "accessModes"), "at least 1 access mode is required")
    elif "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        why = "may not use ReadWriteOncePod with other access modes"
        yield cause.forbidden(at(path, "accessModes"), why)
    if inner(spec, "resources", "requests").get("storage") is None:
        yield cause.required(at(path, "resources[storage]"))


RULES: Final[Rules] = {
    "core.v1.PersistentVolumeClaimSpec": (
        _claim,
        each_of("accessModes", *_MODES, indexed=False),
        may_be("volumeMode", *_VOLUME_MODES),
        subdomain("storageClassName"),
    ),
    "core.v1.PersistentVolumeSpec": (
        required("capacity", "accessModes"),
        each_of("accessModes", *_MODES, indexed=False),
        may_be("persistentVolumeReclaimPolicy", "Delete", "Recycle", "Retain"),
        may_be("volumeMode", *_VOLUME_MODES),
        _one_backing,
    ),
    "core.v1.HostPathVolumeSource": (
        required("path"),
        may_be(
            "type",
            "",
            "BlockDevice",
            "CharDevice",
            "Directory",
            "DirectoryOrCreate",
            "File",
            "FileOrCreate",
            "Socket",
        ),
    ),
    "core.v1.Volume": (required("name"), label("name"), _one_source),
    "storage.v1.StorageClass": (
        required("provisioner"),
        may_be("reclaimPolicy", "Delete", "Retain"),
        may_be("volumeBindingMode", "Immediate", "WaitForFirstConsumer"),
    ),
}
