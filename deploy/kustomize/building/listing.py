"""Kustomizations that do nothing but list: whose resources are manifests, and folders with others of their kind.

The topmost may name the namespace of all. One with any other field, one that names what is not in the source, anything
twice or in a way that could be read as an address, is kustomize's.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deploy.kustomize.building import references
from deploy.kustomize.building.bases import remote
from deploy.kustomize.building.source import Source

#: Names that mean the same path to every reader; a folder's could be a host's, if it had a dot.
_FILE = re.compile(r"(?:\./)?(?:\.\./)*[\w-][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)
_FOLDER = re.compile(r"(?:\./)?(?:\.\./)*[\w-]+(?:/[\w-]+)*/?", re.ASCII)
_HEADER = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
_Reads = Callable[[bytes], list[dict[str, Any]]]


class NotPlain(Exception):
    """Something that only kustomize may decide."""


class Listing:
    """One walk over the folders of a source; `reads` takes YAML that every reader takes alike."""

    def __init__(self, source: Source, reads: _Reads) -> None:
        self._source = source
        self._reads = reads
        self._seen: set[str] = set()

    def of(self, directory: str) -> tuple[str, list[str]]:
        """Return the namespace that a folder's kustomization names, if any, and all manifests. Raises NotPlain."""
        content = self._kustomization(directory)
        if content is None:
            return "", list(self._folder(directory))
        namespace = content.pop("namespace", "")
        if not isinstance(namespace, str):
            raise NotPlain
        return namespace, list(self._listed(directory, content))

    def _kustomization(self, directory: str) -> dict[str, Any] | None:
        """Read a folder's kustomization, None where it has none."""
        kinds = {name: self._source.kind(_inside(directory, name)) for name in references.FILE_NAMES}
        names = [name for name, kind in kinds.items() if kind != "none"]
        if not names:
            return None
        if len(names) > 1 or kinds[names[0]] != "file":
            raise NotPlain
        values = self._reads(self._source.read(_inside(directory, names[0])))
        if len(values) > 1:
            raise NotPlain
        return values[0]

    def _folder(self, directory: str) -> Iterator[str]:
        """Yield the manifests of a folder without a kustomization; one below that has one stands for itself."""
        for name in self._source.entries(directory):
            path = _inside(directory, name)
            kind = self._source.kind(path)
            if kind == "directory":
                content = self._kustomization(path)
                yield from self._folder(path) if content is None else self._listed(path, content)
            elif kind == "file" and name.endswith((".yaml", ".yml")):
                yield path

    def _listed(self, directory: str, content: Mapping[str, Any]) -> Iterator[str]:
        """Yield the manifests that a kustomization lists."""
        resources = content.get("resources")
        header = {field: value for field, value in content.items() if field != "resources"}
        if not resources or not isinstance(resources, list):
            raise NotPlain
        if any(_HEADER.get(field) != value for field, value in header.items()):
            raise NotPlain
        for entry in resources:
            target = self._target(directory, entry)
            kind = self._source.kind(target)
            if kind == "file" and not entry.endswith("/") and posixpath.basename(target) not in references.FILE_NAMES:
                yield target
            elif kind == "directory" and _FOLDER.fullmatch(entry) and (below := self._kustomization(target)):
                yield from self._listed(target, below)
            else:
                raise NotPlain

    def _target(self, directory: str, entry: Any) -> str:
        if not isinstance(entry, str) or references.is_remote(entry):
            raise NotPlain
        if not _FILE.fullmatch(entry) and not _FOLDER.fullmatch(entry):
            raise NotPlain
        target = _inside(directory, entry)
        if target.startswith("..") or target.split("/", 1)[0] == remote.FOLDER or target in self._seen:
            raise NotPlain
        self._seen.add(target)
        return target


def _inside(directory: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(directory, name))
