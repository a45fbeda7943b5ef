"""The labels and annotations by which one object asks to be treated otherwise.

Answers to the control keys of kustomize-controller: either a label or an annotation, values in any case.
"""

from collections.abc import Mapping
from typing import Any

from deploy.cluster import objects

_PREFIX = "kustomize.toolkit.fluxcd.io/"


def left_alone(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object is neither applied nor pruned: `reconcile: disabled` or `ssa: Ignore`."""
    return (
        objects.metadata_value(obj, f"{_PREFIX}reconcile") == "disabled"
        or objects.metadata_value(obj, f"{_PREFIX}ssa") == "ignore"
    )


def create_only(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object is only created: `ssa: IfNotPresent`."""
    return objects.metadata_value(obj, f"{_PREFIX}ssa") == "ifnotpresent"


def forced(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object may be deleted and made anew: `force: enabled`."""
    return objects.metadata_value(obj, f"{_PREFIX}force") == "enabled"


def kept(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object is never deleted: left alone, or `prune: disabled`."""
    return left_alone(obj) or objects.metadata_value(obj, f"{_PREFIX}prune") == "disabled"


def owned_by(obj: Mapping[str, Any], name: str, namespace: str) -> bool:
    """Tell whether an object carries the owner labels of this Kustomization."""
    labels = (obj.get("metadata") or {}).get("labels") or {}
    return (labels.get(objects.OWNER_NAME), labels.get(objects.OWNER_NAMESPACE)) == (name, namespace)
