"""The objects that a checkout declares, read as Kubernetes reads YAML; everything else in it is passed over.

A repository holds more than plain objects: patches with half a spec, encrypted secrets, templates. Those are left out
and said. What looks like an object of ours and cannot be read is an error, with its file, line and field: a policy that
silently is not there would look like nothing to do, and a scheduled job would stay green for ever.
"""

import base64
import binascii
import codecs
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from gotk import documents
from gotk.api import core, image, scheme, source
from gotk.api.meta import Object
from image_automation.oneshot import likeness
from image_automation.update import documents as streams
from image_automation.update.result import Problem
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
_CREDENTIALS = frozenset({core.Secret, core.ServiceAccount, core.Namespace})
_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
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
    """What was found: objects, the bytes of the files they are in, what was left out, and what could not be read."""

    declared: dict[Key, Declared] = field(default_factory=dict)
    files: dict[Path, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Document:
    """A document of a file: `line` is where it begins, `is_patch` whether a kustomization applies it to others."""

    file: Path
    line: int
    text: str = field(repr=False)
    is_patch: bool = False

    def at(self, path: tuple[str | int, ...]) -> str:
        """Name a field's file and line."""
        return f"{folder.display(self.file)}:{self.line + likeness.line_of(self.text, path) - 1}"

    def complaint(self, error: documents.DocumentError) -> documents.DocumentError:
        """Return an error about the document as one about its file, whose lines are counted from the first."""
        try:
            documents.load("\n" * (self.line - 1) + self.text)
        except documents.DocumentError as counted:
            return counted
        return error

    @property
    def is_template(self) -> bool:
        """Whether something is still to be filled in: by Helm, or by a Kustomization's substitution."""
        return "{{" in self.text or "${" in self.text


def load(root: Path, *, namespace: str, within: Path | None = None) -> Manifests:
    """Read every manifest below a folder, or one file. `namespace` is that of objects which name none.

    Links are followed `within` a folder. Raises ManifestError where one object is declared twice and differently,
    OSError for a folder that cannot be read.
    """
    found = Manifests()
    contents: dict[Path, bytes] = {}
    for each in folder.readable(root, within):
        if not isinstance(each.content, Problem):
            contents[each.path] = _without_utf16(each.content)
        elif each.content.level == "error":
            found.errors.append(f"{folder.display(each.name)}: {each.content}")
    patches = set(_patches(contents))
    for path, data in contents.items():
        if likeness.HINT.search(data) is None and not any(name in data for name in _NAMES):
            continue
        count = len(found.declared)
        for document in _documents(found, path, data, is_patch=path in patches):
            _read(found, document, namespace)
        if len(found.declared) > count:
            found.files[path] = data
    return found


def _without_utf16(data: bytes) -> bytes:
    """Return UTF-16 as UTF-8 behind a byte that is none, so that it is refused where it would matter."""
    return b"\xff" + data.decode("utf-16", "replace").encode() if data[:2] in _UTF16 else data


def _documents(found: Manifests, path: Path, data: bytes, *, is_patch: bool) -> Iterator[_Document]:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if any(group.encode() in data for group in likeness.KINDS):
            line = data.count(b"\n", 0, error.start) + 1
            found.errors.append(f"{folder.display(path)}:{line}: the file is not UTF-8: save it as UTF-8")
        return
    line, counted = 1, 0
    for span in streams.split(data):
        line, counted = line + data.count(b"\n", counted, span.start), span.start
        yield _Document(path, line, data[span.start : span.end].decode(), is_patch)


def _read(found: Manifests, document: _Document, namespace: str) -> None:
    try:
        values = documents.load(document.text)
    except documents.DocumentError as error:
        if likeness.is_ours(document.text):
            _refuse(found, document, f"{folder.display(document.file)}: {document.complaint(error)}")
        return
    for value in values:
        if isinstance(value, dict) and str(value.get("kind", "")) == "List" and isinstance(value.get("items"), list):
            for number, item in enumerate(value["items"]):
                _take(found, document, item, namespace, ("items", number))
        else:
            _take(found, document, value, namespace, ())


def _take(found: Manifests, document: _Document, value: Any, namespace: str, within: tuple[str | int, ...]) -> None:
    if not isinstance(value, dict):
        return
    api_version, kind = str(value.get("apiVersion") or ""), str(value.get("kind") or "")
    if wrong := likeness.mistaken(api_version, kind):
        _refuse(found, document, f"{document.at((*within, 'kind'))}: {_what(value)}: {wrong}")
        return
    struct = KINDS.get((api_version.rpartition("/")[0], kind))
    if struct is None:
        return
    if struct is core.Secret and "sops" in value:
        where = f"{document.at(within)}: {_what(value)}"
        found.left_out.append(f"{where} is encrypted with SOPS: its values are not known here")
        return
    credentials = struct in _CREDENTIALS
    unknown = [] if credentials else list(likeness.unknown_fields(api_version, kind, value))
    for each in unknown:
        _refuse(found, document, f"{document.at((*within, *each.path))}: {_what(value)}: {each}")
    if unknown:
        return
    try:
        obj = _decode(value, struct, namespace)
    except (msgspec.ValidationError, ValueError) as error:
        text = f"{document.at(within)}: {_what(value)}: {_cause(struct, error)}"
        _refuse(found, document, text, harmless=credentials)
        return
    if not document.is_patch:
        _declare(found, document, value, obj)


def _declare(found: Manifests, document: _Document, value: Mapping[str, Any], obj: Object) -> None:
    shown = folder.display(document.file)
    key = (type(obj), obj.metadata.namespace, obj.metadata.name)
    if (other := found.declared.get(key)) is not None and other.raw != value:
        raise ManifestError(
            f"{value['kind']} {key[1]}/{key[2]} is declared in {other.path} and, differently, in {shown}: "
            "name a PATH that holds one of them"
        )
    found.declared.setdefault(key, Declared(obj, shown, document.file, value))


def _refuse(found: Manifests, document: _Document, text: str, *, harmless: bool = False) -> None:
    """Say what cannot be read: an error, but of patches, templates and credentials, which need not be whole here."""
    if document.is_patch:
        found.left_out.append(f"{text} (left out: it is a patch)")
    elif document.is_template:
        found.left_out.append(f"{text} (left out: it is a template)")
    elif harmless:
        found.left_out.append(f"{text} (left out)")
    else:
        found.errors.append(text)


def _what(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    name = metadata.get("name", "?") if isinstance(metadata, dict) else "?"
    return f"{value.get('kind') or 'an object'} {name}"


def _patches(contents: Mapping[Path, bytes]) -> Iterator[Path]:
    """Yield the files that the kustomizations among these apply to others."""
    for path, data in contents.items():
        if path.name not in _KUSTOMIZATIONS or b"patches" not in data:
            continue
        try:
            values = documents.load(data.decode())
        except (UnicodeDecodeError, documents.DocumentError):
            continue
        for value in values:
            if isinstance(value, dict):
                yield from (Path(posixpath.normpath(path.parent / name)) for name in _patch_names(value))


def _patch_names(kustomization: Mapping[str, Any]) -> Iterator[str]:
    for key in ("patches", "patchesStrategicMerge", "patchesJson6902"):
        listed = kustomization.get(key)
        for each in listed if isinstance(listed, list) else ():
            name = each.get("path") if isinstance(each, dict) else each
            if isinstance(name, str) and "\n" not in name:
                yield name


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
