"""What of Renovate's settings holds for one image: its manager, and the package rules that match."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from image_automation.proposing.files import Sighting
from image_automation.proposing.importing import reading
from image_automation.proposing.importing.renovate.settings import joined, mappings, strings

#: Managers of images in manifests, with the files that they look into unless told otherwise.
MANAGERS: Final[Mapping[str, Sequence[str]]] = {
    "docker-compose": [r"(?:^|/)(?:docker-)?compose[^/]*\.ya?ml$"],
    "flux": [],
    "helm-values": [r"(?:^|/)values\.ya?ml$"],
    "kubernetes": [],
    "kustomize": [r"(?:^|/)kustomization\.ya?ml$"],
}
_NAMES = ("matchPackageNames", "matchDepNames")
_PATTERNS = ("matchPackagePatterns", "matchDepPatterns")
_PREFIXES = ("matchPackagePrefixes", "matchDepPrefixes")
_EXCLUDED_NAMES = ("excludePackageNames", "excludeDepNames")
_EXCLUDED_PATTERNS = ("excludePackagePatterns", "excludeDepPatterns")
_EXCLUDED_PREFIXES = ("excludePackagePrefixes", "excludeDepPrefixes")
_FILES = ("matchFileNames", "matchFiles", "matchPaths")
_CURRENT = ("matchCurrentVersion", "matchCurrentValue")
_CATEGORIES = {"docker", "kubernetes"}
KNOWN: Final = {
    *_NAMES, *_PATTERNS, *_PREFIXES, *_EXCLUDED_NAMES, *_EXCLUDED_PATTERNS, *_EXCLUDED_PREFIXES, *_FILES, *_CURRENT,
    "matchManagers", "matchDatasources", "matchCategories", "matchUpdateTypes", "matchLanguages",
}  # fmt: skip
_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\{[^{}]*\}|[^*?{]+|\{", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dependency:
    """An image at its place, as Renovate sees it."""

    sighting: Sighting
    manager: str

    @property
    def name(self) -> str:
        """The image as it is written."""
        return self.sighting.place.image


@dataclass(slots=True)
class Holding:
    """What holds for a dependency: settings for all updates, and for those of one type."""

    settings: dict[str, Any]
    by_type: dict[str, dict[str, Any]] = field(default_factory=dict)

    def is_allowed(self, update: str) -> bool:
        """Tell whether updates of a type are made."""
        return self.by_type.get(update, {}).get("enabled", True) is not False


def manager(sighting: Sighting) -> str:
    """Return the manager that takes a place; empty for none."""
    owner = sighting.place.owner
    kind = owner.partition("/")[0]
    named = {"values": "helm-values", "Kustomization": "kustomize", "bundle": "", "JSON patch": ""}
    if owner in named:
        return named[owner]
    if owner.startswith("service "):
        return "docker-compose"
    return "flux" if kind in {"HelmRelease", "Kustomization"} else "kubernetes"


def looks_into(config: Mapping[str, Any], name: str, path: str) -> bool:
    """Tell whether a manager is on, and a file among its."""
    own = config.get(name, {})
    enabled = strings(config.get("enabledManagers"))
    if own.get("enabled") is False or (enabled and name not in enabled):
        return False
    if any(ignored in path or fits(ignored, path) for ignored in strings(config.get("ignorePaths"))):
        return False
    included = strings(config.get("includePaths"))
    if included and not any(fits(each, path) for each in included):
        return False
    patterns = [*MANAGERS[name], *strings(own.get("fileMatch"))]
    if any(reading.finds(pattern, path) for pattern in patterns):
        return True
    return any(fits(each, path) for each in strings(own.get("managerFilePatterns")))


def holding(config: Mapping[str, Any], dependency: Dependency) -> Holding:
    """Join what holds for a dependency: the file's settings, its manager's, and the rules that match, in order."""
    base = {key: value for key, value in config.items() if key not in {"packageRules", *MANAGERS, "docker"}}
    found = Holding(joined(joined(base, config.get("docker", {})), config.get(dependency.manager, {})))
    for rule in mappings(config.get("packageRules")):
        if not matches(rule, dependency):
            continue
        own = {key: value for key, value in rule.items() if key not in {*KNOWN, "extends", "description"}}
        for update in strings(rule.get("matchUpdateTypes")):
            found.by_type[update] = joined(found.by_type.get(update, {}), own)
        if "matchUpdateTypes" not in rule:
            found.settings = joined(found.settings, own)
    for update in ("major", "minor", "patch"):
        if isinstance(own_of_type := found.settings.get(update), dict):
            found.by_type[update] = joined(own_of_type, found.by_type.get(update, {}))
    return found


def unknown(rule: Mapping[str, Any]) -> list[str]:
    """Return the matchers of a rule that are not known here; such a rule matches nothing."""
    return [key for key in rule if key.startswith(("match", "exclude")) and key not in KNOWN]


def matches(rule: Mapping[str, Any], dependency: Dependency) -> bool:
    """Tell whether all matchers of a rule match."""
    place, path = dependency.sighting.place, dependency.sighting.path
    if unknown(rule):
        return False
    for key, value in (
        ("matchManagers", dependency.manager), ("matchDatasources", "docker"), ("matchLanguages", "docker"),
    ):  # fmt: skip
        if key in rule and not any_fits(strings(rule[key]), value):
            return False
    if "matchCategories" in rule and not _CATEGORIES & set(strings(rule["matchCategories"])):
        return False
    for key in (key for key in _FILES if key in rule):
        if not any_fits(strings(rule[key]), path):
            return False
    for key in (key for key in _CURRENT if key in rule):
        pattern = str(rule[key])
        if not pattern.strip("!").startswith("/") or not fits(pattern, place.tag):
            return False
    return _is_named(rule, dependency.name)


def _is_named(rule: Mapping[str, Any], name: str) -> bool:
    if any(each == name for key in _EXCLUDED_NAMES for each in strings(rule.get(key))):
        return False
    if any(reading.finds(each, name) for key in _EXCLUDED_PATTERNS for each in strings(rule.get(key))):
        return False
    if any(name.startswith(each) for key in _EXCLUDED_PREFIXES for each in strings(rule.get(key))):
        return False
    if not any(key in rule for key in (*_NAMES, *_PATTERNS, *_PREFIXES)):
        return True
    return (
        any(key in rule and any_fits(strings(rule[key]), name) for key in _NAMES)
        or any(reading.finds(each, name) for key in _PATTERNS for each in strings(rule.get(key)))
        or any(name.startswith(each) for key in _PREFIXES for each in strings(rule.get(key)))
    )


def any_fits(patterns: Sequence[str], text: str) -> bool:
    """Tell whether a list of patterns takes a text: one that is not negated does, and none that is negated refuses."""
    positive = [each for each in patterns if not each.startswith("!")]
    refused = any(fits(each[1:], text) for each in patterns if each.startswith("!"))
    return not refused and (not positive or any(fits(each, text) for each in positive))


def fits(pattern: str, text: str) -> bool:
    """Tell whether a pattern, `/regex/`, `/regex/i` or a glob, perhaps behind `!`, takes a text."""
    if pattern.startswith("!"):
        return not fits(pattern[1:], text)
    if pattern.startswith("/") and pattern.endswith(("/", "/i")):
        flags = "(?i)" if pattern.endswith("i") else ""
        return reading.finds(flags + pattern[1:].rpartition("/")[0], text)
    return pattern == text or re.fullmatch(_regex(pattern), text) is not None


def _regex(glob: str) -> str:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(words.get(each) or _choice(each) for each in _GLOB.findall(glob))


def _choice(piece: str) -> str:
    if piece.startswith("{") and piece.endswith("}"):
        return f"(?:{'|'.join(map(re.escape, piece[1:-1].split(',')))})"
    return re.escape(piece)
