"""Renovate's configuration read as policies for the images that its managers take out of manifests."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from image_automation.proposing.files import Sighting
from image_automation.proposing.imported import Author, Imported
from image_automation.proposing.importing import reading
from image_automation.proposing.importing.renovate import policies, proposals, rules, settings
from image_automation.proposing.importing.renovate.rules import Dependency, Holding
from image_automation.proposing.importing.renovate.settings import mappings, strings

#: Settings that are carried over, or that say nothing of what is written.
_TAKEN: Final = {
    *("$schema", "extends", "description", "packageRules", "enabled", "enabledManagers", "ignorePaths", "includePaths"),
    *("ignoreDeps", "allowedVersions", "versioning", "pinDigests", "schedule", "timezone", "groupName", "gitAuthor"),
    *("automerge", "automergeType", "automergeStrategy", "platformAutomerge", "labels", "addLabels", "reviewers"),
    *("assignees", "draftPR", "minimumReleaseAge", "stabilityDays", "dependencyDashboardApproval"),
    *("major", "minor", "patch"),
}
#: What a rule for some types of updates can say here.
_BY_TYPE: Final = {"enabled", "automerge", "extends", "description"}


def read(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read the configuration. One that cannot be read is said."""
    found = Imported()
    try:
        config = settings.load(contents)
    except settings.Unreadable as error:
        found.apart.append(str(error))
        return found
    if config is None:
        return found
    _left(found, config)
    if config.settings.get("enabled") is False:
        found.leave(config.path, "enabled: false: Renovate does nothing, and nothing is taken over")
        return found
    _author(found, config.settings)
    _charts(found, config.settings, contents)
    followed = [each for sighting in sightings for each in _followed(config.settings, sighting)]
    for dependency, held in followed:
        found.decided[dependency.sighting] = policies.policy(found, config.path, dependency, held)
    if followed:
        proposals.propose(found, config.path, [each for each in followed if found.decided[each[0].sighting]])
    else:
        cause = (
            "no manager of images in manifests looks into a file with one: kubernetes and flux need managerFilePatterns"
        )
        found.leave(config.path, cause)
    return found


def _followed(config: Mapping[str, Any], sighting: Sighting) -> list[tuple[Dependency, Holding]]:
    """Return the image with what holds for it, if Renovate takes it."""
    name = rules.manager(sighting)
    if not name or not rules.looks_into(config, name, sighting.path):
        return []
    dependency = Dependency(sighting, name)
    held = rules.holding(config, dependency)
    ignored = dependency.name in strings(config.get("ignoreDeps"))
    return [] if ignored or held.settings.get("enabled") is False else [(dependency, held)]


def _left(found: Imported, config: settings.Configuration) -> None:
    """Say what is not carried over: presets, settings, matchers and what rules set."""
    for preset in config.unread:
        found.leave(config.path, f"extends {preset}: this preset is not read")
    for key, value in config.settings.items():
        if key not in _TAKEN and not isinstance(value, dict):
            found.leave(config.path, f"{key} is not carried over")
    for number, rule in enumerate(mappings(config.settings.get("packageRules")), 1):
        where = f"{config.path}: packageRules {number}"
        for key in rules.unknown(rule):
            found.leave(where, f"{key} is not read: the rule is left out")
        taken = _BY_TYPE if "matchUpdateTypes" in rule else _TAKEN
        for key in rule:
            if key not in taken and not key.startswith(("match", "exclude")):
                types = f" for {', '.join(strings(rule.get('matchUpdateTypes')))} alone" if taken is _BY_TYPE else ""
                found.leave(where, f"{key}{types} is not carried over")


def _charts(found: Imported, config: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    """Say of versions of charts, which the manager flux updates as well, that they are not followed."""
    for document in reading.mappings(contents, "helm.toolkit.fluxcd.io"):
        chart = document.root.map("spec").map("chart").map("spec")
        if chart.text("version") and rules.looks_into(config, "flux", document.path):
            cause = (
                f"the version of its chart {chart.text('chart')} is not followed: give it a policy and a marker by hand"
            )
            found.leave(document.where, cause)


def _author(found: Imported, config: Mapping[str, Any]) -> None:
    name, _, email = str(config.get("gitAuthor") or "").rpartition("<")
    if email.endswith(">"):
        found.author = Author(name.strip(), email.removesuffix(">").strip())
