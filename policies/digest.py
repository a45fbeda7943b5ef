"""`spec.digestReflectionPolicy`: when the digest behind the chosen tag is asked for, and what changes with it.

Answers to `updateImageRefs` of Flux's image-reflector-controller.
"""

from typing import Literal

import msgspec

from gotk.api.image import ImagePolicyStatus, ImageRef

Reflection = Literal["Always", "IfNotPresent", "Never"]


def is_wanted(reflection: Reflection, latest: ImageRef, stored: ImageRef | None) -> bool:
    """Tell whether to ask the registry: always, or when the image or tag moved or its digest is not known yet."""
    if reflection == "IfNotPresent":
        return stored is None or not stored.digest or (stored.name, stored.tag) != (latest.name, latest.tag)
    return reflection == "Always"


def kept(reflection: Reflection, stored: ImageRef | None) -> str:
    """Return the digest to go on with where the registry is not asked."""
    return stored.digest if stored is not None and reflection == "IfNotPresent" else ""


def reflect(status: ImagePolicyStatus, latest: ImageRef) -> ImagePolicyStatus:
    """Put a reference into the status; one that differs makes the old one the previous one."""
    if latest == status.latest_ref:
        return status
    return msgspec.structs.replace(status, latest_ref=latest, observed_previous_ref=status.latest_ref)
