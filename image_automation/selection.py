"""Which policies an automation follows, and which files it looks into besides YAML.

The policies are those of its namespace that its selector matches, as `metav1.LabelSelectorAsSelector` has it. As in
Flux neither readiness nor suspension of a policy matters; one that has not chosen an image yet is passed over.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageRef, ImageUpdateAutomation
from gotk.api.meta import LabelSelector, LabelSelectorRequirement
from gotk.runtime.errors import Stalled
from image_automation.gating.facts import Around
from image_automation.update import texts
from image_automation.update.texts import TextFiles

Labels = Mapping[str, str]
_LABEL_LIMIT = 63


@dataclass(frozen=True, slots=True)
class Waiting:
    """A policy that has not chosen: the message of its Ready condition where that is False, or nothing."""

    cause: str
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen image of each policy selected, and the names of all policies of the namespace.

    `waiting` are the selected ones that have not chosen, `policies` the selected ones as they are. `around` is what is
    said of all in the namespace, and of all there is.
    """

    images: Mapping[str, ImageRef]
    known: frozenset[str]
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    policies: Mapping[str, ImagePolicy] = field(default_factory=dict)
    around: Sequence[Around] = ()


def select(policies: Iterable[ImagePolicy], selector: LabelSelector | None) -> Selection:
    """Choose among a namespace's policies. Raises Stalled for a selector that makes no sense."""
    every = sorted(policies, key=lambda policy: policy.metadata.name)
    matches = _matcher(selector)
    matching = [policy for policy in every if matches(policy.metadata.labels)]
    images = {
        policy.metadata.name: policy.status.latest_ref for policy in matching if policy.status.latest_ref is not None
    }
    waiting = {policy.metadata.name: _waiting(policy) for policy in matching if policy.status.latest_ref is None}
    known = frozenset(policy.metadata.name for policy in every)
    return Selection(images, known, waiting, {policy.metadata.name: policy for policy in matching})


def text_files(automation: ImageUpdateAutomation) -> TextFiles:
    """Return the text files that an automation's annotation opts in. Raises Stalled for patterns that make no sense."""
    try:
        return texts.read(automation.metadata.annotations.get(extensions.TEXT_FILES, ""))
    except texts.InvalidPatterns as error:
        raise Stalled("InvalidTextFiles", f"annotation {extensions.TEXT_FILES}: {error}") from None


def _waiting(policy: ImagePolicy) -> Waiting:
    ready = (c.message for c in policy.status.conditions if c.type == "Ready" and c.status == "False")
    return Waiting(next(ready, ""), suspended=policy.spec.suspend)


_NAME_PART = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_MADE_OF = "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_BAD_KEY = f"""name part must {_MADE_OF} (e.g. 'MyName',  or 'my.name',  or '123-abc', \
regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"""
_BAD_VALUE = f"""a valid label must be an empty string or {_MADE_OF} (e.g. 'MyValue',  or 'my_value',  or '12345', \
regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"""


def _matcher(selector: LabelSelector | None) -> Callable[[Labels], bool]:
    if selector is None:
        return lambda _: True
    for key, value in selector.match_labels.items():
        _check(key, [value])
    tests = [_requirement(requirement) for requirement in selector.match_expressions]
    wanted = selector.match_labels.items()
    return lambda labels: wanted <= labels.items() and all(test(labels) for test in tests)


def _requirement(requirement: LabelSelectorRequirement) -> Callable[[Labels], bool]:
    key, values = requirement.key, frozenset(requirement.values)
    if requirement.operator in {"In", "NotIn", "Exists", "DoesNotExist"}:
        _check(key, requirement.values)
    match requirement.operator:
        case "In" | "NotIn" if not values:
            raise _bad("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty")
        case "Exists" | "DoesNotExist" if values:
            listed = json.dumps(requirement.values, separators=(",", ":"))
            raise _bad(f"values: Invalid value: {listed}: values set must be empty for exists and does not exist")
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


def _check(key: str, values: Sequence[str]) -> None:
    """Refuse what can be no label. Raises Stalled."""
    prefix, separator, name = key.rpartition("/")
    if len(name) > _LABEL_LIMIT or not _NAME_PART.fullmatch(name) or (separator and not _PREFIX.fullmatch(prefix)):
        raise _bad(f"key: Invalid value: {json.dumps(key)}: {_BAD_KEY}")
    for number, value in enumerate(values):
        if value and (len(value) > _LABEL_LIMIT or not _NAME_PART.fullmatch(value)):
            raise _bad(f"values[{number}][{key}]: Invalid value: {json.dumps(value)}: {_BAD_VALUE}")


def _bad(cause: str) -> Stalled:
    return Stalled("InvalidPolicySelector", f"failed to parse policy selector: {cause}")
