"""Freezes: automations write nothing for a while, or until somebody says otherwise, with a reason that everybody sees.

An annotation of an automation, of its Namespace, or of the one that the service runs in, and nothing else: it is
heeded before the next push, and ends by itself.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import Object
from gotk.runtime.clock import rfc3339
from image_automation.gating import freeze as freezes
from image_automation.gating.facts import Misread
from image_automation.gating.freeze import Freeze
from image_automation.steering import moments, person
from image_automation.steering.cluster import CannotBeDoneError, Cluster


class Target(NamedTuple):
    """What is frozen: an object, and the annotation of it that says so."""

    kind: type[Object]
    namespace: str
    name: str
    key: str = extensions.FREEZE


def automation(namespace: str, name: str) -> Target:
    """Return one automation."""
    return Target(ImageUpdateAutomation, namespace, name)


async def freeze(cluster: Cluster, targets: Iterable[Target], *, reason: str, until: str = "") -> Freeze:
    """Freeze, in the person's name, until a moment as people write it; a later freeze takes the place of an earlier.

    Raises CannotBeDoneError and APIError.
    """
    who = await person.ask(cluster)
    end = moments.later(until, who.now) if until else None
    made = Freeze(reason=reason, until=rfc3339(end) if end else "", by=who.name, at=rfc3339(who.now))
    text = _written(made)
    for target in targets:
        await _annotate(cluster, target, text)
    return made


async def unfreeze(cluster: Cluster, target: Target) -> bool:
    """Take a freeze away; tell whether there was one. Raises APIError."""
    obj = await cluster.get(target.kind, target.namespace, target.name)
    await _annotate(cluster, target, None)
    return target.key in obj.metadata.annotations


def _written(made: Freeze) -> str:
    """Return the annotation. Raises CannotBeDoneError where nobody could read it."""
    text = msgspec.json.encode(made).decode()
    try:
        freezes.stated({extensions.FREEZE: text})
    except Misread as error:
        raise CannotBeDoneError(str(error)) from None
    return text


async def _annotate(cluster: Cluster, target: Target, text: str | None) -> None:
    patch = {"metadata": {"annotations": {target.key: text}}}
    await cluster.merge_patch(target.kind, target.namespace, target.name, patch)
