"""The policy of one image out of what Renovate's settings say of it.

Renovate's versioning for images keeps a suffix and the count of numbers, as the guess of a tag does: it is the base,
and the settings say how far it may go. Updates to major versions are made unless a setting says otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gotk import go_yaml
from gotk.api import extensions
from gotk.api.image import ImagePolicyChoice, SemVerPolicy, TagFilter
from gotk.duration import Duration
from image_automation.proposing import guessing
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import reading
from image_automation.proposing.importing.renovate.rules import Dependency, Holding

_WITHIN = re.compile(r"(?P<major>\d+)\.x")
_PRERELEASE = re.compile(r"(?P<from>>=\S+) <\S+")
_AGE = re.compile(r"(?P<count>\d+)\s*(?P<unit>minute|hour|day|week|month)s?")
#: No age has more: a thousand months are longer than any window that anybody means.
_DIGITS = 3
_HOURS: Final = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24}
_VERSIONINGS = {"docker", ""}
_GROUPS = re.compile(r"\(\?<(?P<name>\w+)>")
_NUMBERS = ("major", "minor", "patch")


def policy(found: Imported, where: str, dependency: Dependency, held: Holding) -> Guess | None:
    """Return the policy of an image, or None for a guess that was not possible; its cause is said with the place."""
    place, own = dependency.sighting.place, held.settings
    pinned = bool(own.get("pinDigests") or place.digest)
    guess = _base(found, where, dependency, held)
    if guess is None:
        return guessing.moving(place.tag or "latest") if pinned and not place.part else None
    guess = _limited(found, where, dependency, guess, own)
    if pinned and place.part:
        found.leave(where, f"{dependency.sighting.shown}: pinDigests: a tag alone has no room for a digest")
    return replace(
        guess, digests="Always" if pinned and not place.part else "Never", annotations=_asked(found, where, own)
    )


def _base(found: Imported, where: str, dependency: Dependency, held: Holding) -> Guess | None:
    """Read the tag by the versioning, and let the policy go as far as the types of updates."""
    tag, versioning = dependency.sighting.place.tag, str(held.settings.get("versioning", ""))
    if versioning.startswith("regex:"):
        made = _by_regex(versioning.removeprefix("regex:"))
        if made is not None:
            return _bounded(made, tag, held)
    if versioning == "semver":
        made = reading.semver("*")
        return _bounded(made, tag, held)
    if versioning not in _VERSIONINGS:
        cause = f"versioning {versioning}: the policy is guessed from the tag in use"
        found.leave(where, f"{dependency.name}: {cause}")
    guessed = guessing.guess(tag)
    return _bounded(guessed, tag, held) if isinstance(guessed, Guess) else None


def _by_regex(pattern: str) -> Guess | None:
    """Read a versioning by a regular expression, if its groups are numbers of a version alone."""
    names = _GROUPS.findall(pattern)
    if not names or any(name not in _NUMBERS for name in names):
        return None
    extract = ".".join(f"${name}" if name in names else "0" for name in _NUMBERS)
    filter_ = TagFilter(pattern=_GROUPS.sub(lambda group: f"(?P<{group['name']}>", pattern), extract=extract)
    return reading.semver("*", filter_)


def _bounded(guess: Guess, tag: str, held: Holding) -> Guess:
    """Let a policy of versions into the next major version, or keep it in its minor one."""
    if guess.choice.semver is None:
        return guess
    range_ = guess.choice.semver.range
    numbers = re.search(r"(\d+)\.(\d+)", tag)
    if numbers and not held.is_allowed("minor"):
        return _ranged(guess, f"{numbers[1]}.{numbers[2]}.x")
    if numbers and not held.is_allowed("major"):
        return _ranged(guess, f"{numbers[1]}.x" if range_ == "*" else range_)
    if _WITHIN.fullmatch(range_):
        return _ranged(guess, "*")
    if found := _PRERELEASE.fullmatch(range_):
        return _ranged(guess, found["from"])
    return guess


def _limited(found: Imported, where: str, dependency: Dependency, guess: Guess, own: Mapping[str, Any]) -> Guess:
    """Take `allowedVersions` in: a range, a pattern, or a pattern of what is left out."""
    allowed = own.get("allowedVersions")
    if not isinstance(allowed, str) or not allowed:
        return guess
    if allowed.startswith("!/"):
        found.exclude(where, dependency.sighting, allowed[2:].rpartition("/")[0])
    elif allowed.startswith("/"):
        if guess.filter is None:
            return replace(guess, filter=TagFilter(pattern=allowed[1:].rpartition("/")[0]))
        found.leave(where, f"{dependency.name}: allowedVersions {allowed}: tags are filtered by their form already")
    elif guess.choice.semver is None:
        found.leave(
            where, f"{dependency.name}: allowedVersions {allowed}: '{dependency.sighting.place.tag}' is no version"
        )
    else:
        return _ranged(guess, _both(allowed, guess.choice.semver.range))
    return guess


def _both(allowed: str, range_: str) -> str:
    """Join two ranges, in each of the alternatives of the first."""
    if range_ == "*":
        return allowed
    return " || ".join(f"{each.strip()}, {range_.replace(' ', ', ')}" for each in allowed.split("||"))


def _ranged(guess: Guess, range_: str) -> Guess:
    name = guess.name.replace(guess.choice.semver.range, range_, 1) if guess.choice.semver else guess.name
    return replace(guess, name=name, choice=ImagePolicyChoice(semver=SemVerPolicy(range=range_)), variant=range_)


def _asked(found: Imported, where: str, own: Mapping[str, Any]) -> dict[str, str]:
    """Return what else is asked of a policy: an age, an approval."""
    asked: dict[str, str] = {}
    age = own.get("minimumReleaseAge") or own.get("stabilityDays")
    if age and (duration := _duration(f"{age} days" if isinstance(age, int) else str(age))):
        asked[extensions.MINIMUM_AGE] = str(duration)
    elif age:
        found.leave(where, f"minimumReleaseAge {age} is not carried over")
    if own.get("dependencyDashboardApproval") is True:
        asked[extensions.APPROVALS] = go_yaml.write({"needed": 1})
    return asked


def _duration(text: str) -> Duration | None:
    match = _AGE.fullmatch(text.strip())
    if match is None or match["unit"] not in _HOURS or len(match["count"]) > _DIGITS:
        return None
    return Duration.parse(f"{int(match['count']) * _HOURS[match['unit']]}h")
