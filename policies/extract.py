"""`filterTags`: which tags are candidates, and what of each is compared.

Answers to `RegexFilter` of Flux's image-reflector-controller. A tag is a candidate when the pattern is found in it; it
is compared by the expanded `extract`, or by itself where there is none. Of tags that extract to the same text the
smallest in byte order stands for all: Flux lets the last overwrite the others, and its database is in descending order.
"""

import itertools
from collections.abc import Mapping, Sequence

from gotk.api.image import TagFilter
from gotk.goregexp import Regexp


class Filter:
    """A compiled filter."""

    def __init__(self, spec: TagFilter) -> None:
        """Compile. Raises ValueError in Flux's words."""
        try:
            self._regexp = Regexp(spec.pattern)
        except ValueError as error:
            raise ValueError(f"invalid regular expression pattern '{spec.pattern}': {error}") from None
        try:
            self._template = self._regexp.template(spec.extract) if spec.extract else None
        except ValueError as error:
            raise ValueError(f"invalid extract '{spec.extract[:64]}': {error}") from None

    def key(self, tag: str) -> str | None:
        """Return what the tag is compared by, or None where the pattern is not found in it."""
        if self._template is not None:
            return self._template.expand(tag)
        return tag if self._regexp.matches(tag) else None

    def apply(self, tags: Sequence[str]) -> Mapping[str, str]:
        """Return the tag behind every key."""
        if self._template is None:
            return {tag: tag for tag in itertools.compress(tags, self._regexp.found_in(tags))}
        found: dict[str, str] = {}
        for tag, key in zip(tags, self._template.expand_all(tags), strict=True):
            if key is not None and not ((rival := found.get(key)) is not None and rival < tag):
                found[key] = tag
        return found
