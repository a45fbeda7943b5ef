"""Manifests: objects read from YAML text, lists unfolded, what is no object left out.

Answers to `ReadObjects` of `fluxcd/pkg/ssa`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from deploy.cluster.objects import Manifest, group_of, subject
from gotk import documents


def read(texts: Iterable[str], *, later_wins: bool = False) -> list[Manifest]:
    """Read the objects of some YAML documents, lists unfolded. Raises documents.DocumentError.

    With `later_wins` a key may come twice.
    """
    return [obj for text in texts for value in documents.load(text, later_wins=later_wins) for obj in _unfold(value)]


def _unfold(value: Any) -> Iterator[Manifest]:
    if not isinstance(value, dict):
        return
    if str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        for item in value["items"]:
            yield from _unfold(item)
    elif _is_object(value) and not _is_kustomization_file(value):
        for place in ("labels", "annotations"):
            if not isinstance(value["metadata"].get(place) or {}, dict):
                raise documents.DocumentError(f"metadata.{place} of {subject(value)} is not a mapping")
        yield value


def _is_object(value: Manifest) -> bool:
    meta = value.get("metadata")
    return bool(value.get("apiVersion") and value.get("kind") and isinstance(meta, dict) and meta.get("name"))


def _is_kustomization_file(value: Manifest) -> bool:
    return value["kind"] == "Kustomization" and group_of(value) == "kustomize.config.k8s.io"
