"""Pins: a policy chooses one tag and no other, for a while or until somebody says otherwise.

An annotation of the ImagePolicy, and nothing else: the running service reads it at once, and a manifest may hold it.
"""

from dataclasses import dataclass

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.kube import errors
from image_automation.steering import moments, person
from image_automation.steering.cluster import CannotBeDoneError, Cluster
from policies import pin as pins
from policies.pin import Pin


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pin that was written, and what is known of its tag: nothing chooses one that is not listed."""

    policy: str
    made: Pin
    image: str = ""
    tags: int = 0
    known: bool = True
    all_known: bool = False

    @property
    def sentence(self) -> str:
        """Say what was pinned, by whom and why."""
        return f"image policy {self.policy} is {self.made.named}"

    @property
    def warning(self) -> str:
        """Say that the tag is not listed, if so."""
        if self.known or not self.all_known:
            return ""
        listed = f"none of the {self.tags} tags of {self.image} that are listed" if self.tags else "not listed"
        return f"{self.made.tag} is {listed}: {self.policy} is not ready until it is; pin another tag, or unpin"

    @property
    def hint(self) -> str:
        """Say where it is to be seen whether the tag is listed, where that is not known here."""
        if self.known or self.all_known:
            return ""
        of = f"the newest of the {self.tags} tags of {self.image}" if self.tags else "the tags that are known here"
        return f"{self.made.tag} is not among {of}: `get image policy {self.policy}` says whether it is listed"


async def pin(cluster: Cluster, namespace: str, name: str, tag: str, *, until: str = "", reason: str = "") -> Pinned:
    """Pin a policy to a tag, until a moment as people write it. Raises CannotBeDoneError and APIError."""
    who = await person.ask(cluster)
    end = moments.later(until, who.now) if until else None
    made = Pin(tag=tag, until=end, by=who.name, reason=reason)
    try:
        text = pins.written(made)
    except ValueError as error:
        raise CannotBeDoneError(str(error)) from None
    return await _seen(cluster, await _annotate(cluster, namespace, name, text), made)


async def _seen(cluster: Cluster, policy: ImagePolicy, made: Pin) -> Pinned:
    """Hold a pin against what the status of the policy and its repository tell of tags: the newest, and how many."""
    name, ref, chosen = policy.metadata.name, policy.spec.image_repository_ref, policy.status.latest_ref
    if chosen is not None and chosen.tag == made.tag:
        return Pinned(name, made)
    try:
        repository = await cluster.get(ImageRepository, ref.namespace or policy.metadata.namespace, ref.name)
    except errors.APIError:  # the pin is written all the same
        return Pinned(name, made, known=False)
    scan = repository.status.last_scan_result
    if scan is None:
        return Pinned(name, made, known=False)
    every = scan.tag_count <= len(scan.latest_tags)
    known = made.tag in scan.latest_tags
    return Pinned(name, made, image=repository.spec.image, tags=scan.tag_count, known=known, all_known=every)


async def unpin(cluster: Cluster, namespace: str, name: str) -> bool:
    """Take a policy's pin away; tell whether there was one. Raises APIError."""
    return extensions.PIN in (await _annotate(cluster, namespace, name, None)).metadata.annotations


async def _annotate(cluster: Cluster, namespace: str, name: str, text: str | None) -> ImagePolicy:
    """Write the annotation, and return the policy as it was."""
    obj = await cluster.get(ImagePolicy, namespace, name)
    await cluster.merge_patch(ImagePolicy, namespace, name, {"metadata": {"annotations": {extensions.PIN: text}}})
    return obj
