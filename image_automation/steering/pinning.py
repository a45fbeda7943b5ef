"""Pins: a policy chooses one tag and no other, for a while or until somebody says otherwise.

An annotation of the ImagePolicy, and nothing else: the running service reads it at once, and a manifest may hold it.
"""

from gotk.api import extensions
from gotk.api.image import ImagePolicy
from image_automation.steering import moments, person
from image_automation.steering.cluster import CannotBeDoneError, Cluster
from policies import pin as pins
from policies.pin import Pin


async def pin(cluster: Cluster, namespace: str, name: str, tag: str, *, until: str = "", reason: str = "") -> Pin:
    """Pin a policy to a tag, until a moment as people write it. Raises CannotBeDoneError and APIError."""
    who = await person.ask(cluster)
    end = moments.later(until, who.now) if until else None
    made = Pin(tag=tag, until=end, by=who.name, reason=reason)
    try:
        text = pins.written(made)
    except ValueError as error:
        raise CannotBeDoneError(str(error)) from None
    await _annotate(cluster, namespace, name, text)
    return made


async def unpin(cluster: Cluster, namespace: str, name: str) -> bool:
    """Take a policy's pin away; tell whether there was one. Raises APIError."""
    return await _annotate(cluster, namespace, name, None)


async def _annotate(cluster: Cluster, namespace: str, name: str, text: str | None) -> bool:
    obj = await cluster.get(ImagePolicy, namespace, name)
    await cluster.merge_patch(ImagePolicy, namespace, name, {"metadata": {"annotations": {extensions.PIN: text}}})
    return extensions.PIN in obj.metadata.annotations
