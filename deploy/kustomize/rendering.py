"""What a Kustomization would apply, for people to read: objects as `flux build kustomization` prints them.

Answers to `flux2/internal/build`. Beside what the controller makes of a build, objects keep the form that they have in
the files (`stringData` stays), and what SOPS encrypted is masked: neither keys nor values are here.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.cluster import manifests, redaction
from deploy.cluster.objects import Manifest
from deploy.kustomize import owner
from deploy.kustomize.building import assembly, resources
from gotk import go_yaml
from gotk.api.kustomize import CommonMetadata, Kustomization

_MASK = "**SOPS**"
_DOCKER = "kubernetes.io/dockerconfigjson"
_DOCKER_MASK = f'{{"mask":"{_MASK}"}}'


def objects(kustomization: Kustomization, built: str, values: Mapping[str, str], *, strict: bool) -> list[Manifest]:
    """Return the objects of a build with variables, labels and annotations. Raises AssemblyError, DocumentError."""
    texts = resources.split(built)
    post_build = kustomization.spec.post_build
    if values or (post_build is not None and post_build.substitute_strategy == "Always"):
        texts = [assembly.substituted(text, values, strict=strict) for text in texts]
    found = manifests.read(texts)
    common = kustomization.spec.common_metadata or CommonMetadata()
    for manifest in found:
        _add(manifest, "labels", owner.of(kustomization).labels)
        mask(manifest)
        _add(manifest, "labels", common.labels)
        _add(manifest, "annotations", common.annotations)
    return found


def text(found: Sequence[Manifest]) -> str:
    """Print objects as flux does: keys in order, three dashes behind each."""
    return "".join(f"{go_yaml.write(manifest)}---\n" for manifest in found)


def mask(manifest: Manifest) -> None:
    """Put a mask in the place of each value of a Secret that SOPS encrypted, and take its notes out of any object."""
    notes = manifest.pop("sops", None)
    if not redaction.is_secret(manifest):
        return
    data, plain = _texts(manifest, "data"), _texts(manifest, "stringData")
    if isinstance(notes, dict) and str(notes.get("mac", "")).startswith("ENC["):
        word = _DOCKER_MASK if manifest.get("type") == _DOCKER else _MASK
        data.update(dict.fromkeys(data, _encoded(word)))
        plain.update(dict.fromkeys(plain, word))
    else:
        data.update({key: _encoded(_MASK) for key, value in data.items() if _is_encrypted(_decoded(value))})
        plain.update({key: _encoded(_MASK) for key, value in plain.items() if _is_encrypted(value.encode())})


def masks(value: str) -> bool:
    """Tell whether a value of a Secret's `data` stands for one that SOPS encrypted."""
    found = _decoded(value)
    return _MASK.encode() in found or _encoded(_MASK).encode() in found


def _texts(manifest: Manifest, field: str) -> dict[str, str]:
    """Return a mapping of a Secret, to be changed in place; an empty one where its values are no texts."""
    found: Any = manifest.get(field)
    return found if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()) else {}


def _is_encrypted(data: bytes) -> bool:
    return b"sops" in data and b"ENC[" in data


def _encoded(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except binascii.Error:
        return b""


def _add(manifest: Manifest, place: str, values: Mapping[str, str]) -> None:
    if values:
        manifest["metadata"][place] = {**(manifest["metadata"].get(place) or {}), **values}
