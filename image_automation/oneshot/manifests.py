"""The objects that a checkout declares, read as Kubernetes reads YAML; everything else in it is passed over.

A repository holds more than plain objects: patches with half a spec, encrypted secrets, templates. What cannot be
used is left out and said, because a policy that silently is not there would look like nothing to do.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from deploy.cluster import documents
from gotk.api import core, image, scheme, source
from gotk.api.meta import Object
from image_automation.writing import folder

#: The kinds that are read, by API group.
KINDS: Final[dict[tuple[str, str], type[Object]]] = {
    (image.GROUP, "ImageRepository"): image.ImageRepository,
    (image.GROUP, "ImagePolicy"): image.ImagePolicy,
    (image.GROUP, "ImageUpdateAutomation"): image.ImageUpdateAutomation,
    (source.GROUP, "GitRepository"): source.GitRepository,
    ("", "Secret"): core.Secret,
    ("", "ServiceAccount"): core.ServiceAccount,
    ("", "Namespace"): core.Namespace,
}
_NAMES = tuple(kind.encode() for _, kind in KINDS)
_CLUSTER_WIDE = frozenset({core.Namespace})
Key = tuple[type[Object], str, str]


class ManifestError(Exception):
    """The manifests contradict each other. The message names both files and what to do."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An object and where it was found."""

    obj: Object
    path: str
    file: Path
    raw: Any = field(repr=False)


@dataclass(slots=True)
class Manifests:
    """What was found: objects, the bytes of the files they are in, and what could not be used."""

    declared: dict[Key, Declared] = field(default_factory=dict)
    files: dict[Path, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def load(root: Path, *, namespace: str) -> Manifests:
    """Read every manifest below a folder, or one file. `namespace` is that of objects which name none.

    Raises ManifestError where one object is declared twice and differently, OSError for a folder that cannot be read.
    """
    found = Manifests()
    for path in folder.files(root):
        data = folder.content(path)
        if data is None or not any(name in data for name in _NAMES):
            continue
        shown = folder.display(path)
        count = len(found.declared)
        for number, value in enumerate(_objects(found, shown, data), 1):
            _take(found, path, number, value, namespace)
        if len(found.declared) > count:
            found.files[path] = data
    return found


def _objects(found: Manifests, shown: str, data: bytes) -> Iterator[Any]:
    try:
        values = documents.load(data.decode())
    except (UnicodeDecodeError, documents.DocumentError) as error:
        cause = str(error) if isinstance(error, documents.DocumentError) else "not UTF-8"
        if any(group.encode() in data for group in (image.GROUP, source.GROUP)):
            found.left_out.append(f"{shown}: {cause}")
        return
    for value in values:
        if isinstance(value, dict) and str(value.get("kind", "")) == "List" and isinstance(value.get("items"), list):
            yield from value["items"]
        else:
            yield value


def _take(found: Manifests, path: Path, number: int, value: Any, namespace: str) -> None:
    shown = folder.display(path)
    if not isinstance(value, dict):
        return
    group = str(value.get("apiVersion", "")).rpartition("/")[0]
    struct = KINDS.get((group, str(value.get("kind", ""))))
    if struct is None:
        return
    metadata = value.get("metadata")
    name = metadata.get("name", "?") if isinstance(metadata, dict) else "?"
    what = f"{shown}: {value['kind']} {name} (document {number})"
    if struct is core.Secret and "sops" in value:
        found.left_out.append(f"{what} is encrypted with SOPS: its values are not known here")
        return
    try:
        obj = _decode(value, struct, namespace)
    except (msgspec.ValidationError, ValueError) as error:
        found.left_out.append(f"{what} is not complete: {_cause(struct, error)}")
        return
    key = (struct, obj.metadata.namespace, obj.metadata.name)
    if (other := found.declared.get(key)) is not None and other.raw != value:
        raise ManifestError(
            f"{value['kind']} {key[1]}/{key[2]} is declared in {other.path} and, differently, in {shown}: "
            "name a PATH that holds one of them"
        )
    found.declared.setdefault(key, Declared(obj, shown, path, value))


def _decode(value: dict[str, Any], struct: type[Object], namespace: str) -> Object:
    metadata = dict(value.get("metadata") or {})
    if struct not in _CLUSTER_WIDE:
        metadata["namespace"] = metadata.get("namespace") or namespace
    metadata.setdefault("generation", 1)
    given = {**value, "metadata": metadata}
    given.pop("status", None)
    if struct is core.Secret and isinstance(given.get("stringData"), dict):
        texts = {key: base64.b64encode(str(text).encode()).decode() for key, text in given["stringData"].items()}
        given["data"] = {**(given.get("data") or {}), **texts}
    return scheme.convert(given, struct)


def _cause(struct: type[Object], error: Exception) -> str:
    """Say what is wrong; of a secret not even that, for a value could be quoted."""
    if struct is core.Secret or isinstance(error, binascii.Error):
        return "its data cannot be read"
    return str(error)
