"""Keel: annotations and labels of workloads.

Answers to its `types/types.go` and `internal/policy`: annotations count before labels, `minor` and `patch` go from the
version in use, a prerelease of the version in use is kept, `glob:` and `regexp:` order by letters.
"""

import re
from collections.abc import Mapping, Sequence

from gotk import go_yaml
from gotk.api import extensions
from gotk.api.image import TagFilter
from image_automation.proposing import guessing
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import reading

_PREFIX = "keel.sh/"
_LEGACY = "keel.observer/policy"
_VERSION = re.compile(r"v?(?P<major>[0-9]+)\.(?P<minor>[0-9]+)\.[0-9]+(?P<suffix>-[0-9A-Za-z.-]+)?(?:\+.*)?", re.ASCII)
_CARRIED = {
    *("policy", "trigger", "pollSchedule", "initContainers", "imageVolumes", "monitorContainers"),
    *("match-tag", "matchTag", "matchPreRelease", "approvals", "approvalDeadline"),
}
#: Hours that Keel waits for approvals.
_DEADLINE = "24"


def read(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read annotations and labels of workloads."""
    found = Imported()
    for document in reading.mappings(contents, "keel."):
        metadata = document.root.map("metadata")
        labels, annotations = reading.texts(metadata.map("labels")), reading.texts(metadata.map("annotations"))
        told = {**labels, **annotations}
        own = {key.removeprefix(_PREFIX): text for key, text in told.items() if key.startswith(_PREFIX)}
        policy = own.get("policy") or told.get(_LEGACY, "never")
        if policy == "never":
            continue
        for each in sightings:
            if document.holds(each) and _watched(each, own):
                reading.follow(found, document.where, each, _policy(found, document.where, own, policy, each.place.tag))
        for key, text in own.items():
            if key not in _CARRIED:
                found.leave(document.where, f"keel.sh/{key}: {text} is not carried over")
    return found


def _watched(sighting: Sighting, own: Mapping[str, str]) -> bool:
    """Tell whether Keel looks at a container: init containers and volumes where asked, and those that are named."""
    kind, name = sighting.place.path or ("", "")
    if kind == "initContainers" and own.get("initContainers") != "true":
        return False
    if kind == "volumes" and own.get("imageVolumes") != "true":
        return False
    wanted = own.get("monitorContainers", "")
    return not wanted or reading.finds(wanted, name)


def _policy(found: Imported, where: str, own: Mapping[str, str], policy: str, tag: str) -> Guess | None:
    """Read a policy for a tag in use; None for a guess."""
    guess = _ordered(policy, tag, any_prerelease=own.get("matchPreRelease", "true") != "true")
    if policy == "force" and "true" in {own.get("match-tag"), own.get("matchTag")} and tag:
        guess = guessing.moving(tag)
    if guess is None:
        cause = f"keel.sh/policy: {policy} has no like for the tag '{tag}'"
        found.leave(where, f"{cause}: the policy is guessed from the tag in use")
        guessed = guessing.guess(tag)
        guess = guessed if isinstance(guessed, Guess) else None
    if guess is not None and own.get("approvals", "0") not in {"", "0"}:
        deadline = f"{own.get('approvalDeadline', _DEADLINE)}h"
        asked = go_yaml.write({"needed": _number(own["approvals"]), "deadline": deadline, "then": "reject"})
        return _asking(guess, {extensions.APPROVALS: asked})
    return guess


def _ordered(policy: str, tag: str, *, any_prerelease: bool) -> Guess | None:
    version = _VERSION.fullmatch(tag)
    if version is not None and policy in {"all", "major", "minor", "patch"}:
        major, minor, suffix = version["major"], version["minor"], version["suffix"] or ""
        ranges = {"all": ">=0.0.0", "major": ">=0.0.0", "minor": f"{major}.x", "patch": f"{major}.{minor}.x"}
        if policy == "all" or any_prerelease:
            return reading.semver(f"{ranges[policy]}-0", variant=policy)
        filter_ = None
        if suffix:
            same = re.escape(suffix).replace(r"\-", "-")
            filter_ = TagFilter(pattern=rf"^v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+){same}$", extract="$version")
        return reading.semver(ranges[policy], filter_, variant=policy)
    if policy.startswith("glob:"):
        return reading.alphabetical(TagFilter(pattern=reading.simple_glob(policy[5:])), "the last match")
    if policy.startswith("regexp:"):
        extract = "$compare" if "?P<compare>" in policy else ""
        return reading.alphabetical(TagFilter(pattern=policy[7:], extract=extract), "the last match")
    return None


def _asking(guess: Guess, annotations: Mapping[str, str]) -> Guess:
    return Guess(guess.name, guess.choice, guess.filter, guess.variant, guess.digests, annotations)


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text
