"""Which policies an automation follows: those of its namespace that its selector matches.

Answers to `metav1.LabelSelectorAsSelector`. As in Flux neither readiness nor suspension of a policy matters; one that
has not chosen an image yet is passed over.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gotk.api.image import ImagePolicy, ImageRef
from gotk.api.meta import LabelSelector, LabelSelectorRequirement
from gotk.runtime.errors import Stalled

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen image of each policy selected, and the names of all policies of the namespace.

    `waiting` are the selected ones that have not chosen, each with the cause where its Ready condition has one.
    """

    images: Mapping[str, ImageRef]
    known: frozenset[str]
    waiting: Mapping[str, str] = field(default_factory=dict)


def select(policies: Iterable[ImagePolicy], selector: LabelSelector | None) -> Selection:
    """Choose among a namespace's policies. Raises Stalled for a selector that makes no sense."""
    every = sorted(policies, key=lambda policy: policy.metadata.name)
    matches = _matcher(selector)
    matching = [policy for policy in every if matches(policy.metadata.labels)]
    images = {
        policy.metadata.name: policy.status.latest_ref for policy in matching if policy.status.latest_ref is not None
    }
    waiting = {policy.metadata.name: _cause(policy) for policy in matching if policy.status.latest_ref is None}
    return Selection(images, frozenset(policy.metadata.name for policy in every), waiting)


def _cause(policy: ImagePolicy) -> str:
    return next((c.message for c in policy.status.conditions if c.type == "Ready" and c.status == "False"), "")


def _matcher(selector: LabelSelector | None) -> Callable[[Labels], bool]:
    if selector is None:
        return lambda _: True
    tests = [_requirement(requirement) for requirement in selector.match_expressions]
    wanted = selector.match_labels.items()
    return lambda labels: wanted <= labels.items() and all(test(labels) for test in tests)


def _requirement(requirement: LabelSelectorRequirement) -> Callable[[Labels], bool]:
    key, values = requirement.key, frozenset(requirement.values)
    match requirement.operator:
        case "In" | "NotIn" if not values:
            raise _bad(f'values: Invalid value: []: for "{key}": values set can\'t be empty')
        case "Exists" | "DoesNotExist" if values:
            raise _bad(f'values: Invalid value: for "{key}": values set must be empty for exists and does not exist')
        case "In":
            return lambda labels: labels.get(key) in values
        case "NotIn":
            return lambda labels: labels.get(key) not in values
        case "Exists":
            return lambda labels: key in labels
        case "DoesNotExist":
            return lambda labels: key not in labels
        case other:
            raise _bad(f'"{other}" is not a valid label selector operator')


def _bad(cause: str) -> Stalled:
    return Stalled("InvalidPolicySelector", f"failed to parse policy selector: {cause}")
