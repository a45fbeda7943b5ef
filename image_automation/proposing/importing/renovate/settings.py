"""Renovate's configuration file: JSON5, with the presets that say something of images taken in."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: Where Renovate looks, in its order.
FILES: Final = (
    "renovate.json", "renovate.json5", ".github/renovate.json", ".github/renovate.json5", ".gitlab/renovate.json",
    ".gitlab/renovate.json5", ".renovaterc", ".renovaterc.json", ".renovaterc.json5", "package.json",
)  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<word>[A-Za-z_$][\w$-]*)(?=\s*:)|(?P<comma>,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]]))""",
    re.DOTALL,
)
_OBJECTS = ("docker", "docker-compose", "flux", "helm-values", "kubernetes", "kustomize")
_TESTS = ["**/node_modules/**", "**/bower_components/**", "**/vendor/**", "**/examples/**", "**/__tests__/**"]
_UNTESTED = {"ignorePaths": [*_TESTS, "**/test/**", "**/tests/**", "**/__fixtures__/**"]}
_PINNED = {"docker": {"pinDigests": True}}
_DAILY, _MONDAYS = ["* 0-3 * * *"], ["* 0-3 * * 1"]
_PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "config:base": _UNTESTED,
    "config:recommended": _UNTESTED,
    "config:best-practices": {**_UNTESTED, **_PINNED},
    ":ignoreModulesAndTests": _UNTESTED,
    "docker:pinDigests": _PINNED,
    ":pinDigests": {"pinDigests": True},
    ":pinDigestsDisabled": {"pinDigests": False},
    "docker:disable": {"docker": {"enabled": False}},
    "docker:enableMajor": {"packageRules": [{"matchUpdateTypes": ["major"], "enabled": True}]},
    "docker:disableMajor": {"packageRules": [{"matchUpdateTypes": ["major"], "enabled": False}]},
    ":automergeAll": {"automerge": True},
    ":automergeDisabled": {"automerge": False},
    ":automergeBranch": {"automergeType": "branch"},
    ":automergePr": {"automergeType": "pr"},
    "group:all": {"groupName": "all dependencies"},
    "schedule:daily": {"schedule": _DAILY},
    "schedule:weekly": {"schedule": _MONDAYS},
    "schedule:earlyMondays": {"schedule": _MONDAYS},
    "schedule:monthly": {"schedule": ["* 0-3 1 * *"]},
    "schedule:nonOfficeHours": {"schedule": ["* 0-4,22-23 * * 1-5", "* * * * 0,6"]},
    "schedule:officeHours": {"schedule": ["* 8-17 * * 1-5"]},
    "schedule:weekdays": {"schedule": ["* * * * 1-5"]},
    "schedule:weekends": {"schedule": ["* * * * 0,6"]},
    "schedule:quarterly": {"schedule": ["* * 1 */3 *"]},
    "schedule:yearly": {"schedule": ["* * 1 */12 *"]},
}
_WITH_VALUE: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = {
    ":timezone": lambda value: {"timezone": value},
    ":label": lambda value: {"labels": [value]},
    ":labels": lambda value: {"labels": [each.strip() for each in value.split(",")]},
    ":assignee": lambda value: {"assignees": [value]},
    ":reviewer": lambda value: {"reviewers": [value]},
}
#: Presets that say nothing of images, or nothing that has to be said.
_IRRELEVANT = re.compile(
    r"(?:abandonments|customManagers|helpers|mergeConfidence|monorepo|npm|regexManagers|replacements|security|workarounds):"
    r"|group:(?:monorepos|recommended)|:(?:dependencyDashboard|disableDependencyDashboard|semantic.*|git.*|pin.*|rebase.*"
    r"|pr.*Limit.*|maintainLockFiles.*|separate.*|preserve.*|enablePreCommit|enableRenovate|configMigration|combine.*)"
)


class Unreadable(Exception):
    """The file is no JSON5, or no mapping."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A file with its presets taken in, and the presets that were not."""

    path: str
    settings: Mapping[str, Any]
    unread: Sequence[str] = field(default_factory=list)


def load(contents: Mapping[str, bytes]) -> Configuration | None:
    """Read the first file that there is. Raises Unreadable."""
    for path in FILES:
        if path not in contents:
            continue
        own = parsed(path, contents[path])
        if path == "package.json":
            own = own.get("renovate", {})
            if not isinstance(own, dict) or not own:
                continue
        for key in _OBJECTS:
            if not isinstance(own.get(key, {}), dict):
                raise Unreadable(f"{path}: {key} is no object")
        if not isinstance(own.get("packageRules", []), list):
            raise Unreadable(f"{path}: packageRules is no list")
        unread: list[str] = []
        return Configuration(path, _expanded(own, unread), unread)
    return None


def parsed(path: str, data: bytes) -> dict[str, Any]:
    """Read JSON5: JSON with comments, commas at ends, words as keys and single quotes. Raises Unreadable."""
    try:
        found = json.loads(_TOKEN.sub(_as_json, data.decode()))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{path}: it holds no settings")
    return found


def _as_json(token: re.Match[str]) -> str:
    text = token[0]
    if token["word"]:
        return f'"{text}"'
    if token["string"]:
        if text.startswith('"'):
            return text
        inner = re.sub(r'\\.|"', lambda each: {"\\'": "'", '"': r"\""}.get(each[0], each[0]), text[1:-1])
        return f'"{inner}"'
    return " "


def _expanded(own: Mapping[str, Any], unread: list[str]) -> dict[str, Any]:
    """Lay settings over those of the presets that they extend."""
    merged: dict[str, Any] = {}
    for each in strings(own.get("extends")):
        name = each.removeprefix("default") if each.startswith("default:") else each
        word, _, value = name.removesuffix(")").partition("(")
        if value and word in _WITH_VALUE:
            merged = joined(merged, _WITH_VALUE[word](value))
        elif name in _PRESETS:
            merged = joined(merged, _PRESETS[name])
        elif not _IRRELEVANT.match(name):
            unread.append(each)
    rules = [_expanded(rule, unread) if "extends" in rule else rule for rule in mappings(own.get("packageRules"))]
    return joined(merged, {**own, "packageRules": rules} if rules else own)


def joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others: mappings are merged, rules go behind, everything else takes the place."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = joined(merged[key], value)
        elif key == "packageRules":
            merged[key] = [*merged.get(key, []), *mappings(value)]
        else:
            merged[key] = value
    return merged


def strings(value: object) -> list[str]:
    """Return the texts of a list, or a single one."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the mappings of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
