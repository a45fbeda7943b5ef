"""What Renovate's settings ask of the automation: windows, pull requests, who merges them, and groups."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gotk import go_yaml
from gotk.api import extensions
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing.renovate import schedules
from image_automation.proposing.importing.renovate.rules import Dependency, Holding
from image_automation.proposing.importing.renovate.settings import strings

_METHODS: Final = {"squash": "squash", "rebase": "rebase", "merge-commit": "merge"}
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_SEVERAL = 2

Followed = Sequence[tuple[Dependency, Holding]]


def propose(found: Imported, where: str, followed: Followed) -> None:
    """Ask the automation for what all images share, and policies for what is theirs alone."""
    if not followed:
        return
    _windows(found, where, followed)
    groups = _groups(found, where, followed)
    settings = [held.settings for _, held in followed]
    if _shared(settings, "automergeType") == "branch" and all(each.get("automerge") for each in settings):
        return  # pushed to the branch itself, which is what an automation does
    named = {_group_of(each) for each in settings}
    per = "group" if groups else ("all" if len(named) == 1 and "" not in named else "policy")
    wanted: dict[str, Any] = {"per": per}
    labels = _labels(found, where, settings)
    reviewers, assignees = _people(found, where, settings, "reviewers"), _people(found, where, settings, "assignees")
    wanted |= {
        key: value
        for key, value in (("labels", labels), ("reviewers", reviewers), ("assignees", assignees))
        if value
    }  # fmt: skip
    if _shared(settings, "draftPR"):
        wanted["draft"] = True
    _merging(found, where, followed, wanted)
    found.annotations[extensions.PULL_REQUEST] = go_yaml.write(wanted)


def _merging(found: Imported, where: str, followed: Followed, wanted: dict[str, Any]) -> None:
    """Merge by ourselves where Renovate does, if it does so for all images and all types of updates."""
    settings = [held.settings for _, held in followed]
    merged = [each.get("automerge") is True for each in settings]
    some = any(merged) or any(each.get("automerge") is True for _, held in followed for each in held.by_type.values())
    kept = any(each.get("automerge") is False for _, held in followed for each in held.by_type.values())
    if some and wanted.get("draft"):
        found.leave(where, "automerge: a draft cannot be merged: pull requests are merged by people")
    elif all(merged) and not kept:
        wanted["merge"] = "when-green"
        method = _METHODS.get(str(_shared(settings, "automergeStrategy")))
        if method and method != "merge":
            wanted["mergeMethod"] = method
    elif some:
        found.leave(where, "automerge holds for some images or updates alone: pull requests are merged by people")


def _windows(found: Imported, where: str, followed: Followed) -> None:
    """Ask for windows of the automation where all images have the same, else of each policy."""
    asked: dict[int, str] = {}
    for number, (dependency, held) in enumerate(followed):
        times = strings(held.settings.get("schedule"))
        try:
            entries = schedules.windows(times, str(held.settings.get("timezone") or ""))
        except schedules.Unreadable as error:
            found.leave(where, f"{dependency.name}: schedule '{error}' is not carried over: write windows by hand")
            continue
        asked[number] = go_yaml.write(entries) if entries else ""
    if len(asked) == len(followed) and len(set(asked.values())) == 1:
        if text := asked[0]:
            found.annotations[extensions.WINDOWS] = text
        return
    for number, text in asked.items():
        if text:
            _annotate(found, followed[number][0], {extensions.WINDOWS: text})


def _groups(found: Imported, where: str, followed: Followed) -> set[str]:
    """Let images of one group whose tags are the same move together; a group of ours is one version."""
    members: dict[str, list[Dependency]] = {}
    for dependency, held in followed:
        if name := _group_of(held.settings):
            members.setdefault(name, []).append(dependency)
    together: set[str] = set()
    for name, images in members.items():
        tags, different = {each.sighting.place.tag for each in images}, {each.name for each in images}
        if len(tags) == 1 and len(different) >= _SEVERAL:
            together.add(name)
            for each in images:
                _annotate(found, each, {extensions.GROUP: _NOT_IN_NAMES.sub("-", name.lower()).strip("-") or "group"})
        elif len(members) > 1 or len(images) < len(followed):
            cause = "its images have different versions, and a group here is one version"
            found.leave(where, f"groupName {name}: {cause}: they get pull requests of their own")
    return together


def _group_of(settings: Mapping[str, Any]) -> str:
    name = settings.get("groupName")
    return name if isinstance(name, str) else ""


def _annotate(found: Imported, dependency: Dependency, annotations: Mapping[str, str]) -> None:
    guess = found.decided.get(dependency.sighting)
    if isinstance(guess, Guess):
        found.decided[dependency.sighting] = replace(guess, annotations={**guess.annotations, **annotations})


def _labels(found: Imported, where: str, settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the labels of all; those of some are said."""
    each = [[*strings(own.get("labels")), *strings(own.get("addLabels"))] for own in settings]
    counted = Counter(label for labels in each for label in dict.fromkeys(labels))
    for label in (label for label, count in counted.items() if count < len(each)):
        found.leave(where, f"label {label} is for some images alone and is not carried over")
    return [label for label, count in counted.items() if count == len(each)]


def _people(found: Imported, where: str, settings: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    people = strings(_shared(settings, key))
    for each in (each for each in people if ":" in each):
        found.leave(where, f"{key} {each}: a team is written ORGANISATION/TEAM here")
    return [each for each in people if ":" not in each]


def _shared(settings: Iterable[Mapping[str, Any]], key: str) -> object:
    """Return a setting that all have alike, else None."""
    values = [own.get(key) for own in settings]
    return values[0] if len({json.dumps(each, sort_keys=True) for each in values}) == 1 else None
