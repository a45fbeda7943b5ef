"""`/images/NAMESPACE/NAME/explain`: why this tag and no other, and what another rule would choose from the same tags.

The verdicts are those of `explain policy`. A rule in the address is tried in place of the policy's own: nothing is
written, and what is shown can be copied into the manifest.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from gotk import go_yaml
from gotk.api import extensions, scheme
from gotk.api.image import (
    AlphabeticalPolicy,
    ImagePolicy,
    ImagePolicyChoice,
    ImageRepository,
    NumericalPolicy,
    SemVerPolicy,
    TagFilter,
)
from image_automation.dashboard import lineage
from image_automation.dashboard.page import Look, Missing, Page, Record
from image_automation.explanation import Explanation, UnknownPolicyError

#: How many tags a page lists; the search finds the others.
_LISTED: Final = 300
_ORDERS: Final[Mapping[str, Literal["asc", "desc"]]] = {"asc": "asc", "desc": "desc"}
_RULES: Final = ("semver", "alphabetical", "numerical")


class WhatIf(Record, frozen=True, kw_only=True):
    """A rule to try: by what, the range or the order, which tags, what of them, and how old they must be."""

    by: str
    value: str = ""
    pattern: str = ""
    extract: str = ""
    age: str = ""


class Explained(Record, frozen=True, kw_only=True):
    """The verdicts that match what was searched for, of how many; with `changed` those of the rule that is tried.

    `problem` says why there are none. `manifest` is what of a policy's manifest makes it choose so.
    """

    namespace: str
    policy: str
    rule: WhatIf
    explanation: Explanation
    total: int
    changed: bool = False
    chosen_now: str = ""
    problem: str = ""
    manifest: str = ""
    search: str = ""
    verdict: str = ""
    left_out: int = 0
    acts: tuple[str, ...] = ()


def record(look: Look) -> Explained:
    """Make the record. Raises Missing."""
    about = lineage.subject(look.place)
    policy = look.objects.get(ImagePolicy, about.namespace, about.name)
    if policy is None:
        raise Missing(f"there is no ImagePolicy {about.namespace}/{about.name} that you may see")
    if look.explains is None:
        raise Missing("this process chooses no tags: it runs without the controller imagepolicy")
    own = _rule(policy)
    tried = _tried(look.query, own)
    found, problem = _explained(look, policy, _changing(tried) if tried != own else None)
    search, verdict = look.query.get("q", "").strip(), look.query.get("is", "")
    kept = [each for each in found.tags if search in each.tag and verdict in {"", each.verdict}]
    chosen = policy.status.latest_ref
    return Explained(
        namespace=about.namespace,
        policy=about.name,
        rule=tried,
        explanation=msgspec.structs.replace(found, tags=tuple(kept[:_LISTED])),
        total=len(found.tags),
        changed=tried != own,
        chosen_now=chosen.tag if chosen is not None else "",
        problem=problem,
        manifest=_manifest(_changing(tried)(policy)) if tried != own and not problem else "",
        search=search,
        verdict=verdict,
        left_out=max(0, len(kept) - _LISTED),
        acts=look.acts,
    )


def _explained(
    look: Look, policy: ImagePolicy, change: Callable[[ImagePolicy], ImagePolicy] | None
) -> tuple[Explanation, str]:
    assert look.explains is not None
    try:
        found = look.explains.explain(policy.metadata.namespace, policy.metadata.name, change)
    except (UnknownPolicyError, ValueError, OSError) as error:
        return Explanation(tags=()), str(error)
    return found, found.message


def _rule(policy: ImagePolicy) -> WhatIf:
    """Return the rule that a policy has."""
    choice, filter_ = policy.spec.policy, policy.spec.filter_tags or TagFilter()
    if choice.semver is not None:
        by, value = "semver", choice.semver.range
    elif choice.alphabetical is not None:
        by, value = "alphabetical", choice.alphabetical.order
    else:
        by, value = "numerical", choice.numerical.order if choice.numerical is not None else "asc"
    age = policy.metadata.annotations.get(extensions.MINIMUM_AGE, "")
    return WhatIf(by=by, value=value, pattern=filter_.pattern, extract=filter_.extract, age=age)


def _tried(query: Mapping[str, str], own: WhatIf) -> WhatIf:
    """Return the rule that an address asks for, the policy's own in all that it does not name."""
    by = query.get("by", own.by)
    return WhatIf(
        by=by if by in _RULES else own.by,
        value=query.get("value", own.value).strip(),
        pattern=query.get("pattern", own.pattern),
        extract=query.get("extract", own.extract),
        age=query.get("age", own.age).strip(),
    )


def _changing(rule: WhatIf) -> Callable[[ImagePolicy], ImagePolicy]:
    def change(policy: ImagePolicy) -> ImagePolicy:
        annotations = {
            name: text for name, text in policy.metadata.annotations.items() if name != extensions.MINIMUM_AGE
        }
        if rule.age:
            annotations[extensions.MINIMUM_AGE] = rule.age
        filter_ = TagFilter(pattern=rule.pattern, extract=rule.extract) if rule.pattern or rule.extract else None
        return msgspec.structs.replace(
            policy,
            metadata=msgspec.structs.replace(policy.metadata, annotations=annotations),
            spec=msgspec.structs.replace(policy.spec, policy=_choice(rule), filter_tags=filter_),
        )

    return change


def _choice(rule: WhatIf) -> ImagePolicyChoice:
    """Return the choice of a rule. Raises ValueError."""
    if rule.by == "semver":
        return ImagePolicyChoice(semver=SemVerPolicy(range=rule.value))
    if (order := _ORDERS.get(rule.value)) is not None:
        if rule.by == "alphabetical":
            return ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order=order))
        return ImagePolicyChoice(numerical=NumericalPolicy(order=order))
    raise ValueError(f"the order of a policy that is {rule.by} is asc or desc, not '{rule.value[:64]}'")


def _manifest(policy: ImagePolicy) -> str:
    """Return what of a manifest the rule is, as YAML."""
    fields: dict[str, Any] = scheme.to_builtins(policy)
    spec = {name: fields["spec"][name] for name in ("policy", "filterTags") if name in fields["spec"]}
    age = policy.metadata.annotations.get(extensions.MINIMUM_AGE)
    head = {"metadata": {"annotations": {extensions.MINIMUM_AGE: age}}} if age else {}
    return go_yaml.write({**head, "spec": spec})


PAGE = Page(
    path="/images/{namespace}/{name}/explain",
    template="explained.html",
    title=lambda place: f"Why this tag: {place['namespace']}/{place['name']}",
    kinds=(ImagePolicy, ImageRepository),
    record=record,
    subject=lineage.subject,
)
