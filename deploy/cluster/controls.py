"""The labels and annotations by which one object asks to be treated otherwise.

Answers to the control keys of kustomize-controller: either a label or an annotation, values in any case, below the
owner's group (`<group>/ssa`).
"""

from collections.abc import Mapping
from typing import Any

from deploy.cluster.owner import Owner


def left_alone(obj: Mapping[str, Any], owner: Owner) -> bool:
    """Tell whether an object is neither applied nor pruned: `reconcile: disabled` or `ssa: Ignore`."""
    return owner.asks(obj, "reconcile") == "disabled" or owner.asks(obj, "ssa") == "ignore"


def create_only(obj: Mapping[str, Any], owner: Owner) -> bool:
    """Tell whether an object is only created: `ssa: IfNotPresent`."""
    return owner.asks(obj, "ssa") == "ifnotpresent"


def merged(obj: Mapping[str, Any], owner: Owner) -> bool:
    """Tell whether an object shares its fields with other managers: `ssa: Merge`."""
    return owner.asks(obj, "ssa") == "merge"


def forced(obj: Mapping[str, Any], owner: Owner) -> bool:
    """Tell whether an object may be deleted and made anew: `force: enabled`."""
    return owner.asks(obj, "force") == "enabled"


def kept(obj: Mapping[str, Any], owner: Owner) -> bool:
    """Tell whether an object is never deleted: left alone, or `prune: disabled`."""
    return left_alone(obj, owner) or owner.asks(obj, "prune") == "disabled"
