"""Why a marker has no value for an automation, in words that say what to do.

Flux is silent about all of these. A marker that another automation follows is none of this one's business: one whose
policy exists in a namespace that has an automation, or whose policy this one's selector leaves out.
"""

from collections.abc import Callable, Mapping
from typing import Final

from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.runtime.reconciler import Reader
from image_automation.selection import Selection
from image_automation.update import marker

MALFORMED: Final = "it is not NAMESPACE:POLICY, alone or with :tag, :name or :digest"

#: Tells whether a policy, by namespace and name, is another automation's to follow.
Elsewhere = Callable[[str, str], bool]


def why(setter: str, namespace: str, selected: Selection, elsewhere: Elsewhere) -> str | None:
    """Say why a setter has no value; None where that is as it should be."""
    if not marker.well_formed(setter):
        return MALFORMED
    where, policy, *_ = setter.split(":")
    if where != namespace:
        if elsewhere(where, policy):
            return None
        return f"an automation of namespace {namespace} follows policies of that namespace only"
    if policy not in selected.known:
        return f"there is no ImagePolicy {policy} in namespace {namespace}"
    if policy in selected.waiting:
        return f"ImagePolicy {policy} has not chosen an image{_because(selected.waiting, policy)}"
    return None


def elsewhere(objects: Reader) -> Elsewhere:
    """Look other automations' policies up among all objects."""

    def followed(namespace: str, policy: str) -> bool:
        return objects.get(ImagePolicy, namespace, policy) is not None and bool(
            objects.list(ImageUpdateAutomation, namespace)
        )

    return followed


def _because(waiting: Mapping[str, str], policy: str) -> str:
    return f": {waiting[policy]}" if waiting[policy] else ""
