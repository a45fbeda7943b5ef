"""`spec.exclusionList`: the tags that are not even stored.

Answers to image-reflector-controller: RE2, searched anywhere in the tag; no list is the default one, which leaves out
cosign's signatures.
"""

from collections.abc import Sequence
from functools import lru_cache

from gotk.goregexp import Regexp

DEFAULT = (r"^.*\.sig$",)


class InvalidExclusion(ValueError):
    """A pattern that RE2 cannot compile; the message is Flux's."""


def effective(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the list that holds: the default for an empty one."""
    return tuple(patterns) or DEFAULT


def exclude(patterns: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Return the tags that no pattern is found in, in order. Raises InvalidExclusion."""
    left = list(tags)
    for pattern in effective(patterns):
        if pattern == DEFAULT[0]:
            # What nearly every repository has; as a string operation it costs a hundredth.
            left = [tag for tag in left if not tag.endswith(".sig")]
        else:
            found_in = _compiled(pattern).matches
            left = [tag for tag in left if not found_in(tag)]
    return left


def excluded_by(patterns: Sequence[str], tag: str) -> str | None:
    """Return the first pattern that is found in a tag, or None. Raises InvalidExclusion."""
    return next((pattern for pattern in effective(patterns) if _compiled(pattern).matches(tag)), None)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Regexp:
    try:
        return Regexp(pattern)
    except ValueError as error:
        raise InvalidExclusion(f"failed to compile regex {pattern}: {error}") from error
