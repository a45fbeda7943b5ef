"""Which files a kustomization may name: those of the artifact, and nothing else.

kustomize runs without its own load restrictor, as Flux runs it, so that files beside the kustomization's directory can
be used. What confines it is this check, made before it starts and through every directory that it would visit: no
absolute path, none that leaves the artifact, no URL and no Git address, no Helm charts, no plugins from directories.
Everything named must be there already, hence nothing is ever fetched.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.cluster import documents

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_MOST_DIRECTORIES = 1000
_LARGEST_FILE = 16 << 20
_REMOTE = re.compile(r"^\s*(git::|[a-z][a-z0-9+.-]*://|https?:|[a-z][a-z0-9-]*@|github\.com[:/])", re.IGNORECASE)
_USERINFO = re.compile(r"//[^/@\s]*@")
_PLUGIN_FILES = {
    "configmapgenerator": ("files", "envs", "env"),
    "secretgenerator": ("files", "envs", "env"),
    "patchtransformer": ("path",),
    "patchjson6902transformer": ("path",),
    "patchstrategicmergetransformer": ("paths",),
}


class ForbiddenReference(ValueError):
    """A kustomization names what it must not. The message says which file, which field and what to do."""


def check(root: Path, directory: str, kustomization: dict[str, Any]) -> None:
    """Check the kustomization for a directory of the artifact and every one it leads to. Raises ForbiddenReference."""
    _Walk(root).kustomization(posixpath.join(directory, FILE_NAMES[0]), directory, kustomization)


def fields(values: Any) -> dict[str, Any]:
    """Return a mapping's items by folded name: kustomize matches field names whatever their case."""
    return {str(key).casefold(): value for key, value in values.items()} if isinstance(values, dict) else {}


class _Walk:
    """One check: the artifact's root and where it has been."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[str] = set()
        self._file = ""

    def directory(self, directory: str) -> None:
        """Check the kustomization files of a directory."""
        directory = posixpath.normpath(directory)
        if directory in self._seen:
            return
        self._seen.add(directory)
        if len(self._seen) > _MOST_DIRECTORIES:
            raise ForbiddenReference(f"more than {_MOST_DIRECTORIES} directories are referred to")
        for name in FILE_NAMES:
            path = posixpath.join(directory, name)
            if (self._root / path).is_file():
                for value in self._load(path):
                    self.kustomization(path, directory, value)

    def _load(self, path: str) -> list[Any]:
        full = self._root / path
        if full.stat().st_size > _LARGEST_FILE:
            raise ForbiddenReference(f"{path}: larger than {_LARGEST_FILE} bytes")
        try:
            return documents.load(full.read_text("utf-8"))
        except documents.DocumentError as error:
            raise ForbiddenReference(f"{path}: {error}") from None
        except UnicodeDecodeError:
            raise ForbiddenReference(f"{path}: not UTF-8 text") from None

    def kustomization(self, path: str, directory: str, value: Any) -> None:
        """Check what a kustomization names, and follow it."""
        folded = fields(value)
        for name in ("helmcharts", "helmchartinflationgenerator", "helmglobals"):
            if folded.get(name):
                raise ForbiddenReference(f"{path}: {name}: Helm charts are not rendered by kustomize builds here")
        for field, entry in _loaded(folded):
            self._local(path, directory, field, entry)
        for field in ("resources", "components", "bases"):
            for entry in _texts(folded.get(field)):
                target = self._local(path, directory, field, entry)
                if (self._root / target).is_dir():
                    self.directory(target)
        for field in ("patchesstrategicmerge", "patches"):
            for entry in _texts(folded.get(field)):
                self._inline_or_local(path, directory, field, entry)
        for field in ("generators", "transformers", "validators"):
            for entry in _texts(folded.get(field)):
                self._plugin(path, directory, field, entry)

    def _plugin(self, path: str, directory: str, field: str, entry: str) -> None:
        target = self._inline_or_local(path, directory, field, entry)
        if target is None:
            values = documents.load(entry)
        else:
            if (self._root / target).is_dir():
                raise ForbiddenReference(f"{path}: {field}: '{entry}' is a directory, name the files in it")
            values = self._load(target)
        for value in values:
            for item in value.get("items") or [value] if isinstance(value, dict) else []:
                self._plugin_files(path, directory, field, item)

    def _plugin_files(self, path: str, directory: str, field: str, value: Any) -> None:
        folded = fields(value)
        kind = str(folded.get("kind", "")).casefold()
        if kind == "helmchartinflationgenerator":
            raise ForbiddenReference(f"{path}: {field}: Helm charts are not rendered by kustomize builds here")
        for name in _PLUGIN_FILES.get(kind, ()):
            for entry in _texts(folded.get(name)):
                named = entry.partition("=")[2] if name == "files" and "=" in entry else entry
                check = self._inline_or_local if name == "paths" else self._local
                check(path, directory, f"{field}.{name}", named)
        for replacement in _mappings(folded.get("replacements")):
            for entry in _texts(replacement.get("path")):
                self._local(path, directory, f"{field}.replacements.path", entry)

    def _inline_or_local(self, path: str, directory: str, field: str, entry: str) -> str | None:
        """Return the place that an entry names, or None where it holds objects itself."""
        if _is_inline(entry) and not _REMOTE.match(entry):
            return None
        return self._local(path, directory, field, entry)

    def _local(self, path: str, directory: str, field: str, entry: str) -> str:
        """Return the place in the artifact that an entry names. Raises ForbiddenReference where there is none."""
        shown = _USERINFO.sub("//", entry.strip())[:200]
        if _REMOTE.match(entry):
            raise ForbiddenReference(
                f"{path}: {field}: '{shown}' is remote and is not fetched, keep a copy in the source"
            )
        target = posixpath.normpath(posixpath.join(directory, entry))
        if posixpath.isabs(entry) or target == ".." or target.startswith("../"):
            raise ForbiddenReference(f"{path}: {field}: '{shown}' is outside of the source")
        if "\0" in entry or len(entry) > 4096 or not (self._root / target).exists():
            raise ForbiddenReference(f"{path}: {field}: '{shown}' is not in the source")
        return target


def _loaded(folded: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every plain file that a kustomization names, with the field's name."""
    for field in ("crds", "configurations"):
        for entry in _texts(folded.get(field)):
            yield field, entry
    for field in ("patches", "patchesjson6902", "replacements"):
        for item in _mappings(folded.get(field)):
            for entry in _texts(item.get("path")):
                yield f"{field}.path", entry
    for entry in _texts(fields(folded.get("openapi")).get("path")):
        yield "openapi.path", entry
    for field in ("configmapgenerator", "secretgenerator"):
        for item in _mappings(folded.get(field)):
            for entry in _texts(item.get("files")):
                yield f"{field}.files", entry.partition("=")[2] if "=" in entry else entry
            for name in ("envs", "env"):
                for entry in _texts(item.get(name)):
                    yield f"{field}.{name}", entry


def _texts(value: Any) -> list[str]:
    """Return the texts of a field that holds one or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [entry for entry in values if isinstance(entry, str) and entry]


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [fields(entry) for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _is_inline(entry: str) -> bool:
    """Tell whether kustomize takes an entry for objects rather than for a path: they have a kind and a name."""
    try:
        values = documents.load(entry)
    except documents.DocumentError:
        return False
    named = [
        isinstance(v, dict) and bool(v.get("kind")) and bool((v.get("metadata") or {}).get("name")) for v in values
    ]
    return bool(named) and all(named)
