"""Which policies watch an image, and whether an automation carries their choice on. No input or output.

A cluster does not hold the markers of a repository: an image counts as automated where a policy chooses among its tags
and an automation that is not suspended takes that policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.oci import name
from gotk.runtime.errors import Stalled
from image_automation import selection


@dataclass(frozen=True, slots=True)
class Image:
    """An image as a manifest names it: where its tags are, and the tag; both empty where they cannot be told."""

    spelt: str
    repository: name.Repository | None
    tag: str

    @classmethod
    def parse(cls, text: str) -> "Image":
        """Take a name apart; a digest is left out."""
        spelt, _, tag = (base := text.partition("@")[0]).rpartition(":")
        if not spelt or "/" in tag:
            spelt, tag = base, ""
        try:
            return cls(spelt, name.parse(spelt), tag)
        except name.InvalidName:
            return cls(spelt or text, None, tag)


@dataclass(frozen=True, slots=True)
class Watch:
    """An ImagePolicy, the tag it has chosen, and whether an automation carries that on."""

    policy: ImagePolicy
    tag: str
    automated: bool

    @property
    def subject(self) -> str:
        """The policy's name, with its namespace."""
        return f"{self.policy.metadata.namespace}/{self.policy.metadata.name}"


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything that watches images in a cluster."""

    repositories: Sequence[ImageRepository]
    policies: Sequence[ImagePolicy]
    automations: Sequence[ImageUpdateAutomation]

    def scans(self, image: Image) -> list[ImageRepository]:
        """Return what scans the tags of an image."""
        return [each for each in self.repositories if image.repository and image.repository == _scanned(each)]

    def watches(self, image: Image) -> list[Watch]:
        """Return the policies that choose among an image's tags; those that have chosen the present one first."""
        names = {(each.metadata.namespace, each.metadata.name) for each in self.scans(image)}
        found = [self._watch(each) for each in self.policies if _referred(each) in names]
        return sorted(found, key=lambda each: (each.tag != image.tag, not each.automated, each.subject))

    def says(self, images: Sequence[Image], *, ignored: bool) -> str:
        """Return what fluxctl lists under POLICY for a workload with these images."""
        watches = [each for image in images for each in self.watches(image)]
        words = []
        if watches:
            words.append("automated" if any(each.automated for each in watches) else "locked")
        return ",".join([*words, *(["ignore"] if ignored else [])])

    def _watch(self, policy: ImagePolicy) -> Watch:
        ref = policy.status.latest_ref
        automated = not policy.spec.suspend and any(_takes(each, policy) for each in self.automations)
        return Watch(policy, ref.tag if ref else "", automated)


def _scanned(repository: ImageRepository) -> name.Repository | None:
    try:
        return name.parse(repository.spec.image)
    except name.InvalidName:
        return None


def _referred(policy: ImagePolicy) -> tuple[str, str]:
    ref = policy.spec.image_repository_ref
    return ref.namespace or policy.metadata.namespace, ref.name


def _takes(automation: ImageUpdateAutomation, policy: ImagePolicy) -> bool:
    if automation.spec.suspend or automation.metadata.namespace != policy.metadata.namespace:
        return False
    try:
        found = selection.select([policy], automation.spec.policy_selector)
    except Stalled:
        return False
    return policy.metadata.name in {*found.images, *found.waiting}
