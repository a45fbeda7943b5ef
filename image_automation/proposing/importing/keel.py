"""Keel: annotations and labels of workloads, and `keel:` in the values of charts.

Answers to its `types/types.go`, `internal/policy` and `provider/helm3`: annotations count before labels, `minor` and
`patch` go from the version in use, a prerelease of the version in use is kept, `glob:` and `regexp:` order by letters;
in values the paths of repositories and tags are named.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gotk import go_yaml
from gotk.api import extensions
from gotk.api.image import TagFilter
from image_automation.proposing import guessing
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import reading
from image_automation.proposing.nodes import Map

_PREFIX = "keel.sh/"
_LEGACY = "keel.observer/policy"
_VERSION = re.compile(r"v?(?P<major>[0-9]+)\.(?P<minor>[0-9]+)\.[0-9]+(?P<suffix>-[0-9A-Za-z.-]+)?(?:\+.*)?", re.ASCII)
_CARRIED = {
    *("policy", "trigger", "pollSchedule", "initContainers", "imageVolumes", "monitorContainers"),
    *("match-tag", "matchTag", "matchPreRelease", "approvals", "approvalDeadline"),
}
#: What a container is in, and the setting that has to be true for it; none for containers.
_WATCHED = {"containers": "", "initContainers": "initContainers", "volumes": "imageVolumes"}
#: The kind of a container and its name.
_CONTAINER = 2
_COUNT = re.compile(r"[1-9][0-9]?", re.ASCII)
#: Hours that Keel waits for approvals.
_DEADLINE = "24"


def read(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read annotations and labels of workloads, and values."""
    found = Imported()
    for document in reading.mappings(contents, "keel"):
        within = [each for each in sightings if document.holds(each)]
        metadata = document.root.map("metadata")
        told = {**reading.texts(metadata.map("labels")), **reading.texts(metadata.map("annotations"))}
        own = {key.removeprefix(_PREFIX): text for key, text in told.items() if key.startswith(_PREFIX)}
        own.setdefault("policy", told.get(_LEGACY, "never"))
        _follow(found, document.where, own, [each for each in within if _watched(each, own)])
        for values in (document.root, document.root.map("spec").map("values")):
            if "keel" in values.entries:
                settings = values.map("keel")
                named = {tuple(path.split(".")) for path in _paths(settings)}
                places = [each for each in within if each.place.path in named]
                _follow(found, document.where, reading.texts(settings), places)
    return found


def _follow(found: Imported, where: str, own: Mapping[str, str], sightings: Sequence[Sighting]) -> None:
    if own.get("policy", "never") == "never":
        return
    for each in sightings:
        reading.follow(found, where, each, _policy(found, where, own, each.place.tag))
    for key, text in own.items():
        if key not in _CARRIED:
            found.leave(where, f"keel.sh/{key}: {text} is not carried over")


def _paths(settings: Map) -> Iterator[str]:
    """Yield where a chart's values hold what changes: the tag, or the whole image."""
    for each in settings.maps("images"):
        yield each.text("tag") or each.text("repository")


def _watched(sighting: Sighting, own: Mapping[str, str]) -> bool:
    """Tell whether Keel looks at a container: init containers and volumes where asked, and those that are named."""
    path = sighting.place.path
    if len(path) != _CONTAINER or path[0] not in _WATCHED:
        return False
    setting = _WATCHED[path[0]]
    if setting and own.get(setting) != "true":
        return False
    wanted = own.get("monitorContainers", "")
    return not wanted or reading.finds(wanted, path[1])


def _policy(found: Imported, where: str, own: Mapping[str, str], tag: str) -> Guess | None:
    """Read a policy for a tag in use; None for a guess."""
    policy = own["policy"]
    guess = _ordered(policy, tag, any_prerelease=own.get("matchPreRelease", "true") != "true")
    if policy == "force" and "true" in {own.get("match-tag"), own.get("matchTag")} and tag:
        guess = guessing.moving(tag)
    if guess is None:
        cause = f"keel.sh/policy: {policy} has no like for the tag '{tag}'"
        found.leave(where, f"{cause}: the policy is guessed from the tag in use")
        guessed = guessing.guess(tag)
        guess = guessed if isinstance(guessed, Guess) else None
    if guess is None or own.get("approvals", "0") == "0":
        return guess
    if not _COUNT.fullmatch(own["approvals"]):
        found.leave(where, f"keel.sh/approvals: {own['approvals']} is not carried over: no number of people")
        return guess
    deadline = own.get("approvalDeadline", "")
    hours = deadline if _COUNT.fullmatch(deadline) else _DEADLINE
    asked = {"needed": int(own["approvals"]), "deadline": f"{hours}h", "then": "reject"}
    return replace(guess, annotations={extensions.APPROVALS: go_yaml.write(asked)})


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
