"""Options that hold several values: repeated, or separated by commas, or both, as flux takes them."""

from collections.abc import Iterable


def listed(given: Iterable[str]) -> tuple[str, ...]:
    """Return the values of an option that may be repeated, each of which may hold several."""
    return tuple(word for each in given for word in map(str.strip, each.split(",")) if word)
