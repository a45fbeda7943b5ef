"""Semantic versions and ranges of them, as Masterminds/semver v3 reads both: Flux hands users' ranges to that library.

The `semver` package knows neither ranges nor a leading `v` nor zero-padded numbers. What Masterminds does and other
libraries do not: `1.2` in a range is `~1.2`; a prerelease anywhere in a group of ANDs opens the whole group to
prereleases; leading zeros are read over in the numbers but refused in prereleases.
"""

from gotk.semver.ranges import Range
from gotk.semver.version import Key, Version

__all__ = ["Key", "Range", "Version"]
