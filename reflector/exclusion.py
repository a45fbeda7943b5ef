"""`spec.exclusionList`: the tags that are not even stored.

Answers to image-reflector-controller: RE2, searched anywhere in the tag; no list is the default one, which leaves out
cosign's signatures.
"""

from collections.abc import Callable, Sequence

from gotk.goregexp import Regexp

DEFAULT = (r"^.*\.sig$",)


class InvalidExclusion(ValueError):
    """A pattern that RE2 cannot compile; the message is Flux's."""


def effective(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the list that holds: the default for an empty one."""
    return tuple(patterns) or DEFAULT


def exclude(patterns: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Return the tags that no pattern is found in, in order. Raises InvalidExclusion."""
    tests = [_test(pattern) for pattern in effective(patterns)]
    return [tag for tag in tags if not any(test(tag) for test in tests)]


def _test(pattern: str) -> Callable[[str], bool]:
    if pattern == DEFAULT[0]:
        # What nearly every repository has; as a string operation it costs a tenth.
        return lambda tag: tag.endswith(".sig")
    try:
        return Regexp(pattern).matches
    except ValueError as error:
        raise InvalidExclusion(f"failed to compile regex {pattern}: {error}") from error
