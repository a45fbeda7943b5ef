"""Which files of a source are decrypted before a build: those of `secretGenerator`, and patches in files.

Answers to `DecryptSources` of kustomize-controller. Manifests are decrypted after the build, whatever made them; what a
`configMapGenerator` names stays as it is.
"""

from collections.abc import Iterator
from typing import Any

from deploy.kustomize.building.references import Reference
from deploy.kustomize.decryption import formats
from deploy.kustomize.decryption.formats import Format


def candidates(kustomization: Any) -> Iterator[tuple[str, Format]]:
    """Yield the files that a kustomization, read in its shape, names, with the format that each is taken for."""
    for generator in _mappings(kustomization, "secretGenerator"):
        for each in _references(generator.get("files")):
            yield each.target, formats.of_name(each.key or each.target)
        for each in _references(generator.get("envs")):
            yield each.target, formats.of_variables(each.target)
    for patch in _mappings(kustomization, "patches"):
        for each in _references([patch.get("path")]):
            yield each.target, formats.of_name(each.target)


def _mappings(value: Any, field: str) -> list[dict[str, Any]]:
    found = value.get(field) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _references(values: Any) -> list[Reference]:
    return [each for each in values if isinstance(each, Reference)] if isinstance(values, list) else []
