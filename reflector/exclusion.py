"""`spec.exclusionList`: the tags that are not even stored.

Answers to image-reflector-controller: RE2, searched anywhere in the tag; no list is the default one, which leaves out
cosign's signatures.
"""

import contextlib
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
    """Return the tags that no pattern is found in, in order: the very list where none is. Raises InvalidExclusion."""
    left, others = tags if isinstance(tags, list) else list(tags), []
    for pattern in effective(patterns):
        if pattern == DEFAULT[0]:
            # What nearly every repository has; as a string operation it costs a hundredth.
            if any(tag.endswith(".sig") for tag in left):
                left = [tag for tag in left if not tag.endswith(".sig")]
        else:
            others.append(pattern)
    for regexp in _searches(tuple(others)):
        found = regexp.found_in(left)
        if any(found):
            left = [tag for tag, is_found in zip(left, found, strict=True) if not is_found]
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


@lru_cache(maxsize=256)
def _searches(patterns: tuple[str, ...]) -> list[Regexp]:
    """Compile patterns: into one search for all of them where that can be, for each costs a sweep over the tags."""
    compiled = [_compiled(pattern) for pattern in patterns]
    # `\Q` may quote up to the pattern's end, and would quote what follows.
    if len(patterns) > 1 and not any(r"\Q" in pattern for pattern in patterns):
        with contextlib.suppress(ValueError):  # too long together, or groups of one name
            compiled = [Regexp("|".join(f"(?:{pattern})" for pattern in patterns))]
    return compiled
