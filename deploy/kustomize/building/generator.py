"""The kustomization that is built: the one in the source, or one that names every manifest, with the spec merged in.

Answers to the generator of `fluxcd/pkg/kustomize`. Nothing is written here: the result is a plain mapping, where
`plan` begins.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.kustomize.building import references, shapes
from deploy.kustomize.building.source import Source, TooLarge
from gotk import documents
from gotk.api import kustomize, scheme

# Fields all of whose scalars are text, whatever YAML reads them as.
_OF_TEXTS = frozenset({"commonAnnotations", "commonLabels", "images", "namePrefix", "nameSuffix", "namespace"})
_HEADER = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


class GeneratorError(ValueError):
    """The source or the spec cannot be made into a kustomization. The message names the file."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A kustomization and the name of the file that it takes the place of."""

    file_name: str
    content: dict[str, Any]


def generate(source: Source, directory: str, spec: kustomize.KustomizationSpec) -> Generated:
    """Make the kustomization for a directory of the source. Raises GeneratorError."""
    for name in references.FILE_NAMES:
        path = posixpath.normpath(posixpath.join(directory, name))
        if source.kind(path) == "file":
            content = _read(source, path)
            break
    else:
        name, content = references.FILE_NAMES[0], _from_tree(source, directory)
    _merge(content, spec, source, directory)
    return Generated(name, content)


def _read(source: Source, path: str) -> dict[str, Any]:
    values = _load(source, path, f"failed to decode kustomization file {path}")
    if len(values) > 1 or not all(isinstance(value, dict) for value in values):
        raise GeneratorError(f"failed to decode kustomization file {path}: not a single mapping")
    given = values[0] if values else {}
    try:
        content = {known: given[name] for name, known in shapes.known_as(given, shapes.KUSTOMIZATION).items()}
    except shapes.ShapeError as error:
        raise GeneratorError(f"failed to decode kustomization file {path}: {error}") from None
    for field in _OF_TEXTS & content.keys():
        content[field] = _texts(content[field])
    if not content.get("resources"):
        content["buildMetadata"] = ["originAnnotations"]
    return content


def _texts(value: Any) -> Any:
    """Make text of every scalar, as Flux does when it reads a kustomization file: `y` is `true`, `1.20` is `1.2`."""
    match value:
        case dict():
            return {key: _texts(inner) for key, inner in value.items()}
        case list():
            return [_texts(inner) for inner in value]
        case bool():
            return str(value).lower()
        case int() | float():
            return format(value, "g") if isinstance(value, float) else str(value)
    return value


def _from_tree(source: Source, directory: str) -> dict[str, Any]:
    resources = [f"./{path}" for path in _manifests(source, directory, "")]
    return {**_HEADER, **({"resources": resources} if resources else {"namespace": "_placeholder"})}


def _manifests(source: Source, directory: str, below: str) -> Iterator[str]:
    """Yield the manifests under a directory in lexical order; one that has a kustomization file stands for itself."""
    for name in source.entries(posixpath.normpath(posixpath.join(directory, below))):
        path = posixpath.join(below, name)
        whole = posixpath.normpath(posixpath.join(directory, path))
        match source.kind(whole):
            case "directory" if any(source.kind(f"{whole}/{file}") == "file" for file in references.FILE_NAMES):
                yield path
            case "directory":
                yield from _manifests(source, directory, path)
            case "file" if name.endswith((".yaml", ".yml")):
                _check_manifest(source, whole)
                yield path


def _check_manifest(source: Source, path: str) -> None:
    """Raise GeneratorError for a file that does not hold Kubernetes objects."""
    prefix = f"failed to decode Kubernetes YAML from {path}"
    for number, value in enumerate(_load(source, path, prefix), start=1):
        if not isinstance(value, dict):
            raise GeneratorError(f"{prefix}: document {number} is not an object")
        if not value.get("kind"):
            raise GeneratorError(f"{prefix}: missing kind in document {number}")
        metadata = value.get("metadata")
        named = isinstance(metadata, dict) and metadata.get("name")
        if not named and not str(value["kind"]).endswith("List"):
            raise GeneratorError(f"{prefix}: missing metadata.name in document {number}")


def _load(source: Source, path: str, prefix: str) -> list[Any]:
    try:
        return documents.load(source.read(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise GeneratorError(f"{prefix}: not UTF-8 text") from None
    except (documents.DocumentError, TooLarge) as error:
        raise GeneratorError(f"{prefix}: {error}") from None


def _merge(content: dict[str, Any], spec: kustomize.KustomizationSpec, source: Source, directory: str) -> None:
    """Lay the spec over a kustomization: names are replaced, lists appended, images replaced by name."""
    replaced = {
        "namespace": spec.target_namespace,
        "namePrefix": spec.name_prefix,
        "nameSuffix": spec.name_suffix,
        "buildMetadata": list(spec.build_metadata),
    }
    content.update({field: value for field, value in replaced.items() if value})
    _append(content, "patches", [_builtins(patch) for patch in spec.patches])
    _append(content, "components", list(_components(spec, source, directory)))
    if spec.images:
        content["images"] = _images(_sequence(content, "images"), spec.images)


def _components(spec: kustomize.KustomizationSpec, source: Source, directory: str) -> Iterator[str]:
    for component in spec.components:
        if "://" in component or posixpath.isabs(component) or component.startswith("git@"):
            raise GeneratorError(f"component path '{component}' must be local and relative")
        target = posixpath.normpath(posixpath.join(directory, component))
        if not spec.ignore_missing_components or source.kind(target) != "none":
            yield component


def _images(present: list[Any], images: tuple[kustomize.Image, ...]) -> list[Any]:
    """Replace or add images by their exact name; a new tag and a digest push each other out."""
    merged = list(present)
    for image in images:
        place = next(
            (i for i, old in enumerate(merged) if isinstance(old, dict) and old.get("name") == image.name), None
        )
        entry: dict[str, Any] = {"name": image.name} if place is None else dict(merged[place])
        if image.new_name:
            entry["newName"] = image.new_name
        if image.new_tag or image.digest:
            entry = {key: value for key, value in entry.items() if key not in {"newTag", "digest", "tagSuffix"}}
            entry |= {"newTag": image.new_tag} if image.new_tag else {}
            entry |= {"digest": image.digest} if image.digest else {}
        if place is None:
            merged.append(entry)
        else:
            merged[place] = entry
    return merged


def _append(content: dict[str, Any], field: str, values: list[Any]) -> None:
    if values:
        content[field] = [*_sequence(content, field), *values]


def _sequence(content: Mapping[str, Any], field: str) -> list[Any]:
    value = content.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise GeneratorError(f"{field} of the kustomization file is not a list")
    return value


def _builtins(value: Any) -> Any:
    return scheme.to_builtins(value)
