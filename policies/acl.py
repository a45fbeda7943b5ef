"""Who may refer to an ImageRepository: the policies of its namespace, and those that `spec.accessFrom` lets in.

Answers to `acl.HasAccessToRef` of fluxcd/pkg. Pure: the caller brings the labels of the policy's namespace.
"""

from collections.abc import Mapping

from gotk.api.meta import AccessFrom
from gotk.runtime.reconciler import Key


def blocked(ref: Key) -> str:
    """Say that no reference may leave its namespace."""
    return f"cannot access 'ImageRepository/{ref}', cross-namespace references have been blocked"


def missing(ref: Key) -> str:
    """Say that the repository lets nobody in."""
    return f"access denied: '{ref}' can't be accessed due to missing ACL labels on 'accessFrom'"


def denied(ref: Key, access: AccessFrom, namespace: str, labels: Mapping[str, str]) -> str | None:
    """Say that the namespace is not let in, or None where it is: it must carry every label of any selector."""
    for selector in access.namespace_selectors:
        if all(labels.get(name) == value for name, value in selector.match_labels.items()):
            return None
    return f"access denied: '{ref}' can't be accessed due to ACL labels mismatch on namespace '{namespace}'"
