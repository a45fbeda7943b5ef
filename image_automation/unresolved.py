"""Why a marker has no value, in words that say what to do: one wording for conditions, plans and the command line.

Flux is silent about all of these. A marker that another automation follows is none of this one's business: one whose
policy exists in a namespace that has an automation, or whose policy this one's selector leaves out.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from image_automation.selection import Selection
from image_automation.update import marker
from image_automation.update import setter as setters

if TYPE_CHECKING:
    from gotk.runtime.reconciler import Reader

MALFORMED: Final = "it is not NAMESPACE:POLICY, alone or with :tag, :name or :digest"
LEFT_OUT: Final = "its ImagePolicy is left out by the automation's selector"

#: Tells whether a policy, by namespace and name, is another automation's to follow.
Elsewhere = Callable[[str, str], bool]


def why(setter: str, namespace: str, selected: Selection, elsewhere: Elsewhere) -> str | None:
    """Say why a setter has no value for an automation; None where that is as it should be."""
    if not marker.well_formed(setter):
        return MALFORMED
    where, policy, _ = setters.parse(setter)
    if where != namespace:
        if elsewhere(where, policy):
            return None
        return f"an automation of namespace {namespace} follows policies of that namespace only"
    if policy not in selected.known:
        return f"there is no ImagePolicy {policy} in namespace {namespace}"
    if policy in selected.waiting:
        cause = selected.waiting[policy].cause
        return f"ImagePolicy {policy} has not chosen an image" + (f": {cause}" if cause else "")
    return _no_image(setter, policy, selected)


def _no_image(setter: str, policy: str, selected: Selection) -> str | None:
    """Say why a chosen version stands for no image, where an image is what is marked."""
    chosen = selected.images.get(policy)
    if chosen is None or "+" not in chosen.tag or setters.parse(setter).part:
        return None
    return f"{chosen.tag} is the version of a chart and no image's tag: mark the version with {setter}:tag"


def why_all(setter: str, scopes: Sequence[tuple[str, Selection]], elsewhere: Elsewhere) -> str | None:
    """Say why a setter has no value for any of the automations that keep its file, each by namespace and policies."""
    namespace = setter.partition(":")[0]
    own = [(where, selected) for where, selected in scopes if where == namespace]
    causes = [why(setter, where, selected, elsewhere) for where, selected in own or scopes[:1]]
    found = next((cause for cause in causes if cause), None)
    return LEFT_OUT if found is None and own else found


def why_not_given(setter: str) -> str:
    """Say why a setter has no value where the policies' images were given by hand."""
    if not marker.well_formed(setter):
        return MALFORMED
    namespace, policy, part = setters.parse(setter)
    wanted = f"a {part}" if part else "an image"
    return f"no policy {policy} of namespace {namespace} gives {wanted}"


def elsewhere(objects: "Reader") -> Elsewhere:
    """Look other automations' policies up among all objects."""

    def followed(namespace: str, policy: str) -> bool:
        return objects.get(ImagePolicy, namespace, policy) is not None and bool(
            objects.list(ImageUpdateAutomation, namespace)
        )

    return followed
