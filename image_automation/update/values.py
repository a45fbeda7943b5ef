"""What each marker of a policy stands for: the image, its tag, its name or its digest.

Answers to the setters that Flux makes of a policy's `latestRef`. References come from registries, so they are held
against the grammar of image references before any of them is written into a file. A chart's version may have build
metadata, `1.2.0+build`, which no image's tag may: it is written where the tag alone is meant, never into an image.
"""

import json
import re
from collections.abc import Mapping

from gotk.api.image import ImageRef

_NAME = re.compile(
    r"(?:(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9-]*[.:][A-Za-z0-9.:-]*)(?::[0-9]+)?/)?(?=[a-z0-9_./-]{2,255}\Z)"
    r"[a-z0-9_.-]+(?:/[a-z0-9_.-]+)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*")
_TAG_LIMIT = 128
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_NAME_LIMIT = 512


class InvalidReference(ValueError):
    """An image reference that no registry could have meant."""


def text(ref: ImageRef) -> str:
    """Write a reference as `name:tag`, with `@digest` where one is known."""
    tag = f":{ref.tag}" if ref.tag else ""
    return f"{ref.name}{tag}@{ref.digest}" if ref.digest else f"{ref.name}{tag}"


def setters(policies: Mapping[tuple[str, str], ImageRef]) -> dict[str, str]:
    """Return the value of every marker that the policies (by namespace and name) resolve.

    `:digest` of a policy without a digest is the empty string, as in Flux; a version with build metadata stands for no
    image. Raises InvalidReference.
    """
    found: dict[str, str] = {}
    for (namespace, policy), ref in policies.items():
        validate(ref)
        setter = f"{namespace}:{policy}"
        if "+" not in ref.tag:
            found[setter] = text(ref)
        found[f"{setter}:name"] = ref.name
        found[f"{setter}:tag"] = ref.tag
        found[f"{setter}:digest"] = ref.digest
    return found


def is_name(text: str) -> bool:
    """Tell whether a text may be the name of an image, its registry included."""
    return len(text) <= _NAME_LIMIT and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Tell whether a text may be an image's tag."""
    return _TAG.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Tell whether a text may be a tag, or the version of a chart."""
    return is_tag(text) or (len(text) <= _TAG_LIMIT and _VERSION.fullmatch(text) is not None)


def is_digest(text: str) -> bool:
    """Tell whether a text may be a digest."""
    return _DIGEST.fullmatch(text) is not None


def validate(ref: ImageRef) -> None:
    """Check the parts of a reference. Raises InvalidReference that names the part and the cause."""
    if not is_name(ref.name):
        raise InvalidReference(_complaint(ref, "the name is no repository name"))
    if ref.tag and not is_version(ref.tag):
        raise InvalidReference(_complaint(ref, "the tag is not made of up to 128 letters, digits, `_`, `.` and `-`"))
    if ref.digest and not is_digest(ref.digest):
        raise InvalidReference(_complaint(ref, "the digest is not ALGORITHM:HEX"))


def _complaint(ref: ImageRef, cause: str) -> str:
    return f"encountered invalid image ref {json.dumps(text(ref)[:1024])}: {cause}"
