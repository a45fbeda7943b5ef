"""A person's word on a version, approved, rejected or let past what makes others wait, written into the policy.

The API server says whose word it is, and when. Who may write it is a matter of rights on the ImagePolicy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from gotk import decisions
from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.decisions import Decision
from gotk.kube import errors
from gotk.runtime.clock import rfc3339
from image_automation.gating import approvals
from image_automation.gating.facts import Misread
from image_automation.steering import person
from image_automation.steering.cluster import CannotBeDoneError, Cluster

Verdict: TypeAlias = Literal["approve", "reject", "allow"]
DONE: Final[Mapping[Verdict, str]] = {
    "approve": "approved",
    "reject": "rejected",
    "allow": "let past what makes others wait",
}
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was written, what the policy has chosen, and whether its maker is among those who are asked."""

    policy: str
    made: Decision
    chosen: str
    asked: bool

    @property
    def sentence(self) -> str:
        """Say what was decided, by whom and why."""
        return f"image policy {self.policy}: {self.made.tag} is {DONE[self.made.verdict]} by {self.made.words}"

    @property
    def warning(self) -> str:
        """Say that it does not count, if so."""
        whose = f"{self.made.by} is not among those whose approval is asked for"
        return "" if self.asked else f"{whose}: this does not count"

    @property
    def hint(self) -> str:
        """Say when it counts, if not now."""
        if self.made.tag == self.chosen:
            return ""
        return f"{self.policy} has chosen {self.chosen or 'nothing yet'}: this counts once it chooses {self.made.tag}"


async def decide(
    cluster: Cluster, namespace: str, name: str, verdict: Verdict, *, tag: str = "", reason: str = "", seen: str = ""
) -> Decided:
    """Decide about a version of a policy, or the one that it has chosen. Raises CannotBeDoneError and APIError.

    `seen` is the digest that it had when whoever decides looked, if that is known: of others they say nothing.
    """
    who = await person.ask(cluster)
    policy = await cluster.get(ImagePolicy, namespace, name)
    _see_the_same(policy, tag, seen)
    automations = await cluster.list(ImageUpdateAutomation, namespace)
    asking = [policy.metadata.annotations, *(each.metadata.annotations for each in automations)]
    try:
        groups = frozenset().union(*map(approvals.groups_asked, asking)) & who.groups
        image = await _image(cluster, policy)
        made = _decision(policy, verdict, tag, reason, image=image, who=replace(who, groups=groups))
        asked = all(approvals.asks(annotations, made) for annotations in asking)
    except Misread as error:
        raise CannotBeDoneError(str(error)) from None
    await _add(cluster, policy, made)
    return Decided(name, made, policy.status.latest_ref.tag if policy.status.latest_ref else "", asked)


def _see_the_same(policy: ImagePolicy, tag: str, seen: str) -> None:
    """See that a tag is still the image that it was. Raises CannotBeDoneError."""
    ref = policy.status.latest_ref
    if seen and ref is not None and tag == ref.tag and ref.digest != seen:
        now = f"is {ref.digest} now" if ref.digest else "has none now"
        raise CannotBeDoneError(f"{ref.tag} is another image than the one you were shown: its digest was {seen}, {now}")


async def _add(cluster: Cluster, policy: ImagePolicy, made: Decision) -> None:
    """Write a decision beside those that are there; anew where somebody else was quicker."""
    metadata = policy.metadata
    for attempt in range(1, _TRIES + 1):
        try:
            text = decisions.added(metadata.annotations, made)
        except ValueError as error:
            raise CannotBeDoneError(str(error)) from None
        patch = {"resourceVersion": metadata.resource_version, "annotations": {extensions.DECISIONS: text}}
        try:
            await cluster.merge_patch(ImagePolicy, metadata.namespace, metadata.name, {"metadata": patch})
        except errors.Conflict:
            if attempt == _TRIES:
                raise
            metadata = (await cluster.get(ImagePolicy, metadata.namespace, metadata.name)).metadata
        else:
            return


async def _image(cluster: Cluster, policy: ImagePolicy) -> str:
    """Return the image that a policy follows; nothing where it has chosen none and its repository cannot be read."""
    if policy.status.latest_ref is not None:
        return policy.status.latest_ref.name
    ref = policy.spec.image_repository_ref
    try:
        found = await cluster.get(ImageRepository, ref.namespace or policy.metadata.namespace, ref.name)
    except (errors.NotFound, errors.Forbidden):
        return ""
    return found.spec.image


def _decision(
    policy: ImagePolicy, verdict: Verdict, tag: str, reason: str, *, image: str, who: person.Person
) -> Decision:
    ref = policy.status.latest_ref
    if not tag and ref is None:
        raise CannotBeDoneError(f"image policy {policy.metadata.name} has not chosen a tag: name one")
    return Decision(
        tag=tag or (ref.tag if ref else ""),
        verdict=verdict,
        by=who.name,
        at=rfc3339(who.now),
        reason=reason,
        image=image,
        digest=ref.digest if ref is not None and tag in {"", ref.tag} else "",
        groups=tuple(sorted(who.groups)),
    )
