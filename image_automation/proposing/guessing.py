"""A policy guessed from a tag in use: what a person would have meant by it.

Versions with and without `v` or a variant (`-alpine`), prereleases, dates, build numbers, and `main-<sha>-<time>`. A
guess is held against the tags that there are before it is believed: it must take the tag in use and find one. What says
nothing of an order (`latest`, a commit) is said to be undecided, with what would help.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from gotk.api.image import (
    AlphabeticalPolicy,
    ImagePolicyChoice,
    ImagePolicySpec,
    NumericalPolicy,
    SemVerPolicy,
    TagFilter,
)
from gotk.api.meta import NamespacedObjectReference
from gotk.duration import Duration
from policies import choose

_NUMBER = r"(?:0|[1-9][0-9]*)"
_VERSION = re.compile(rf"(?P<v>v?)(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.{_NUMBER}(?P<suffix>[-_].+)?", re.ASCII)
_SHORT = re.compile(rf"(?P<v>v?)(?P<major>{_NUMBER})\.{_NUMBER}(?P<suffix>[-_].+)?", re.ASCII)
_PRERELEASE = re.compile(r"-(?:alpha|beta|rc|pre|preview|dev|snapshot|canary|next)(?:[-.]?[0-9]+)*", re.IGNORECASE)
_DATE = re.compile(
    r"(?<![0-9])(?:20[0-9]{2}(?P<s>[-._])(?:0[1-9]|1[0-2])(?P=s)[0-3][0-9]|[0-9]{2}\.(?:0[1-9]|1[0-2]))(?![0-9])"
    r"(?:[T_-][0-9]{2}[-.]?[0-9]{2}[-.]?[0-9]{2}Z?)?|(?<![0-9])20[0-9]{6}T[0-9]{4,6}Z?",
    re.ASCII,
)
_SEPARATOR = re.compile(r"([-_.])")
_SHA = re.compile(r"(?:sha|g)?(?=[0-9]*[a-f])[0-9a-f]{7,40}")
_TIME = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9](?:[0-9]{4}|[0-9]{6})?|1[0-9]{9}(?:[0-9]{3})?")
_DIGITS = re.compile(r"[0-9]+")
_BUILD = re.compile(r"(?P<word>[A-Za-z]*?)(?P<number>[0-9]+)")
#: A number of fewer digits is rather a major version that moves, `postgres:16`.
_BUILD_DIGITS = 3
#: A number of more digits before a dot is a date or a build, which goes on.
_YEAR_DIGITS = 4
_SHA_DIGITS = 7
#: How often the digest of a tag that moves is asked for.
_MOVING: Final = Duration.parse("1h")


@dataclass(frozen=True, slots=True)
class Guess:
    """A way to choose, and its name for people."""

    name: str
    choice: ImagePolicyChoice
    filter: TagFilter | None = None
    #: What tells it from other guesses for the same image: the major version, the variant, the branch.
    variant: str = ""
    #: What the policy does with digests, and what else is asked of it.
    digests: Literal["Always", "IfNotPresent", "Never"] = "Never"
    annotations: Mapping[str, str] = field(default_factory=dict)

    def spec(self, repository: str) -> ImagePolicySpec:
        """Return the spec of a policy."""
        return ImagePolicySpec(
            image_repository_ref=NamespacedObjectReference(name=repository),
            policy=self.choice,
            filter_tags=self.filter,
            digest_reflection_policy=self.digests,
            interval=_MOVING if self.digests == "Always" else None,
        )


@dataclass(frozen=True, slots=True)
class Undecided:
    """Why there is no guess, and what would help."""

    cause: str


def guess(tag: str, known: Sequence[str] | None = None) -> Guess | Undecided:
    """Guess the policy of a tag in use; `known` are the tags that the registry has, where it was asked."""
    tags = known or ()
    if not tag:
        return Undecided("it has no tag: write the one in use")
    if not any(character.isdigit() for character in tag):
        return Undecided(f"'{tag}' moves, and there is no order among such tags: write a version")
    if found := _VERSION.fullmatch(tag):
        return _of_version(found, tags)
    if (dated := _DATE.search(tag)) and (by_date := _of_date(tag, dated)):
        return by_date
    if found := _SHORT.fullmatch(tag):
        return _of_short(found)
    return _of_parts(tag, tags)


def check(guessed: Guess, tag: str, known: Sequence[str]) -> str | Undecided:
    """Return the tag that a guess chooses among those of the registry, or why it is not believed."""
    return chosen(guessed.spec(""), tag, known)


def chosen(spec: ImagePolicySpec, tag: str, known: Sequence[str]) -> str | Undecided:
    """Return the tag that a policy chooses, or why it is none for who uses `tag`."""
    try:
        ranked = choose.ranked(spec, [*{*known, tag}])
    except choose.InvalidPolicy as error:
        return Undecided(str(error))
    if tag not in ranked:
        return Undecided(f"the policy would not take '{tag}', the tag in use")
    if ranked[0] == tag and tag not in known:
        return Undecided(f"the registry has no tag '{tag}', and none that would come after it")
    return ranked[0]


def moving(tag: str) -> Guess:
    """Follow one tag, which moves, by its digest."""
    filter_ = TagFilter(pattern=f"^{_escape(tag)}$")
    choice = ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="asc"))
    return Guess(f"the digest of '{tag}'", choice, filter_, tag, digests="Always")


def best(spec: ImagePolicySpec, known: Sequence[str]) -> str | Undecided:
    """Return the tag that a policy chooses, whichever is in use, or why there is none."""
    try:
        ranked = choose.ranked(spec, known)
    except choose.InvalidPolicy as error:
        return Undecided(str(error))
    return ranked[0] if ranked else Undecided("the registry has no tag that the policy takes")


def _of_version(found: re.Match[str], tags: Sequence[str]) -> Guess:
    v, major, suffix = found["v"], int(found["major"]), found["suffix"] or ""
    range_, name = f"{major}.x", f"semver {major}.x"
    if _is_year(found["major"]):
        range_, name = f">={found[0].removeprefix(v).removesuffix(suffix)}", "calendar versions"
    if suffix and _PRERELEASE.fullmatch(suffix):
        range_ = f">={found[0].removeprefix(v)} <{major + 1}.0.0-0"
        return Guess(f"semver {range_}", _semver(range_), variant=f"{major}-pre")
    variant = str(major)
    if not suffix and not _mixed(tags):
        return Guess(name, _semver(range_), variant=variant)
    pattern = rf"^{v}(?P<version>[0-9]+\.[0-9]+\.[0-9]+){_loose(suffix)}$"
    filter_ = TagFilter(pattern=pattern, extract="$version")
    return Guess(f"{name}{_like(suffix, v)}", _semver(range_), filter_, f"{variant}{suffix}")


def _of_short(found: re.Match[str]) -> Guess:
    """Read `1.25` as 1.25.0: a policy of versions wants three numbers.

    The extract has no braces: a Kustomization that substitutes variables would take it for one.
    """
    v, major, suffix = found["v"], found["major"], found["suffix"] or ""
    range_ = ">=0" if _is_year(major) or len(major) > _YEAR_DIGITS else f"{major}.x"
    pattern = rf"^{v}(?P<version>[0-9]+\.[0-9]+){_loose(suffix)}$"
    filter_ = TagFilter(pattern=pattern, extract="$version.0")
    return Guess(f"semver {range_} of two numbers{_like(suffix, '')}", _semver(range_), filter_, f"{major}{suffix}")


def _of_date(tag: str, dated: re.Match[str]) -> Guess | None:
    """Order by a date of fixed width, in letters; what stands around it must be plain words or a commit."""
    before, after = _around(tag[: dated.start()]), _around(tag[dated.end() :])
    if before is None or after is None:
        return None
    date = _DIGITS.sub(lambda run: f"[0-9]{{{len(run[0])}}}", re.escape(dated[0]).replace(r"\-", "-"))
    filter_ = TagFilter(pattern=f"^{before}(?P<date>{date}){after}$", extract="$date")
    choice = ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="asc"))
    return Guess("the last date", choice, filter_, _words(tag[: dated.start()]))


def _around(text: str) -> str | None:
    """Write the pattern of what stands around a date; None where another number may decide as well."""
    parts = _SEPARATOR.split(text)
    if any(_DIGITS.search(part) and not _SHA.fullmatch(part) for part in parts):
        return None
    return "".join("[a-f0-9]+" if _SHA.fullmatch(part) else _escape(part) for part in parts)


def _of_parts(tag: str, tags: Sequence[str]) -> Guess | Undecided:
    """Order by the one number of a tag: a time, or a build's."""
    parts = _SEPARATOR.split(tag)
    shas = {n for n, part in enumerate(parts) if _SHA.fullmatch(part)}
    times = [n for n, part in enumerate(parts) if _TIME.fullmatch(part)]
    numbers = [n for n, part in enumerate(parts) if n not in shas and _DIGITS.search(part)]
    if len(times) == 1:  # beside a time a long number is a commit that has no letter by chance
        shas |= {n for n in numbers if n not in times and parts[n].isdigit() and len(parts[n]) >= _SHA_DIGITS}
        numbers = [n for n in numbers if n not in shas]
    if not numbers and shas:
        return Undecided(f"'{tag}' names a commit, and commits have no order: tag with a time or a number, too")
    ordered = times or numbers
    if len(ordered) != 1 or len(numbers) != 1:
        return Undecided(f"'{tag}' has no one number to order by: write the policy by hand")
    at = ordered[0]
    build = _BUILD.fullmatch(parts[at])
    if build is None:
        return Undecided(f"'{tag}' has no one number to order by: write the policy by hand")
    if tag.isdigit() and not times and not _are_builds(tag, tags):
        return Undecided(f"'{tag}' is rather a major version that moves than a build: write the whole version")
    texts = ["[a-f0-9]+" if n in shas else _escape(part) for n, part in enumerate(parts)]
    texts[at] = f"{_escape(build['word'])}(?P<{'time' if times else 'number'}>[0-9]+)"
    extract = "$time" if times else "$number"
    filter_ = TagFilter(pattern=f"^{''.join(texts)}$", extract=extract)
    name = "the latest time" if times else "the greatest build number"
    choice = ImagePolicyChoice(numerical=NumericalPolicy(order="asc"))
    return Guess(name, choice, filter_, _words("".join(parts[:at])))


def _semver(range_: str) -> ImagePolicyChoice:
    return ImagePolicyChoice(semver=SemVerPolicy(range=range_))


def _is_year(major: str) -> bool:
    return re.fullmatch("20[0-9]{2}", major) is not None


def _mixed(tags: Sequence[str]) -> bool:
    """Tell whether a registry has versions with and without `v`, of which a policy might take the other."""
    return len({found["v"] for tag in tags if (found := _VERSION.fullmatch(tag))}) > 1


def _are_builds(tag: str, tags: Sequence[str]) -> bool:
    """Tell whether a bare number counts builds."""
    if any(other.startswith(f"{tag}.") for other in tags):
        return False
    return len(tag) >= _BUILD_DIGITS


def _loose(suffix: str) -> str:
    """Write the pattern of a variant: its words as they are, its numbers as any."""
    return "".join("[0-9]+" if text.isdigit() else _escape(text) for text in re.split("([0-9]+)", suffix))


def _escape(text: str) -> str:
    return re.escape(text).replace(r"\-", "-")


def _like(suffix: str, v: str) -> str:
    if suffix:
        return f" like '{suffix.strip('-_.')}'"
    return " with 'v'" if v else " without 'v'"


def _words(text: str) -> str:
    return "-".join(part for part in _SEPARATOR.split(text) if part.isalpha())
