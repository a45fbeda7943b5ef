"""What looks like an object of ours and is none: a kind, group or version nearly right, a field that is not there.

A checkout holds YAML of every sort, and most of it is none of our business. What nearly is must not pass in silence: a
policy that is not read looks like nothing to do. Fields are held against the definitions that a cluster has.
"""

import difflib
import functools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import yaml

import deploy.crds
from gotk.api import image, scheme, source

#: The kinds of the groups that are read. Those that are not ours are known by name only.
KINDS: Final[Mapping[str, frozenset[str]]] = {
    image.GROUP: frozenset({"ImageRepository", "ImagePolicy", "ImageUpdateAutomation"}),
    source.GROUP: frozenset(
        {"GitRepository", "OCIRepository", "Bucket", "HelmRepository", "HelmChart", "ExternalArtifact"}
    ),
}
_READ: Final = KINDS[image.GROUP] | {"GitRepository"}
_OTHER_GROUPS: Final = tuple(
    f"{name}.fluxcd.io"
    for name in ("kustomize.toolkit", "helm.toolkit", "notification.toolkit", "source.extensions", "source.werf")
)
#: What a file holds that may declare an object of ours, well or badly.
HINT: Final = re.compile(rb"""(?i:flux[a-z]*\.io|kind["']?[ \t]*:[ \t]*["']?(?:image|git)[a-z]+)""")
_NEARLY, _KIND_NEARLY = 0.85, 0.75
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A field that the definition of a kind does not have, and the one that was probably meant."""

    path: _Path
    meant: str = ""

    def __str__(self) -> str:
        name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path).lstrip(".")
        return f'unknown field "{name}"' + (f', did you mean "{self.meant}"?' if self.meant else "")


def is_ours(text: str) -> bool:
    """Tell whether a document that cannot be read probably declares an object of ours."""
    declared = any(re.search(rf"""kind["']?[ \t]*:[ \t]*["']?{kind}\b""", text) for kind in _READ)
    return declared or any(group in text for group in KINDS)


def mistaken(api_version: str, kind: str) -> str:
    """Say what is wrong with the kind of an object that was probably meant for one of ours, if anything."""
    group, slash, version = api_version.rpartition("/")
    if group in KINDS:
        return _wrong_kind(group, kind) or _wrong_version(group, version, kind)
    if not api_version:
        return f"it has no apiVersion: write {_api_version(kind)}" if kind in _READ else ""
    near = _closest(group if slash else api_version, (*KINDS, *_OTHER_GROUPS), _NEARLY)
    if near not in KINDS or (group if slash else api_version) in _OTHER_GROUPS:
        return ""
    meant = _closest(kind, KINDS[near], _KIND_NEARLY)
    return f'no API is called "{api_version}": did you mean "{_api_version(meant)}"?' if meant in _READ else ""


def unknown_fields(api_version: str, kind: str, value: Mapping[str, Any]) -> Iterator[Unknown]:
    """Yield the fields of an object that the definition of its kind and version does not have."""
    schema = _schemas(kind).get(api_version.rpartition("/")[2])
    if schema is not None:
        yield from _unknown(value, schema, ())


def line_of(text: str, path: _Path) -> int:
    """Return the line on which a field of a document stands, from 1; the first line where it cannot be found."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return 1
    line = node.start_mark.line + 1 if node else 1
    for key in path:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if pair[0].value == str(key)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            pairs = [(node.value[key], node.value[key])]
        else:
            pairs = []
        if not pairs:
            break
        line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return int(line)


def _wrong_kind(group: str, kind: str) -> str:
    if kind in KINDS[group]:
        return ""
    meant = _closest(kind, KINDS[group], _KIND_NEARLY)
    if not meant and group != image.GROUP and kind:
        return ""
    what = f'"{kind}" is no kind of {group}' if kind else f"it has no kind, and an apiVersion of {group}"
    return what + (f': did you mean "{meant}"?' if meant else f": there are {', '.join(sorted(KINDS[group]))}")


def _wrong_version(group: str, version: str, kind: str) -> str:
    if kind not in _READ or version in _schemas(kind):
        return ""
    return f'"{version}" is no version of {kind} that is known: write {group}/{next(iter(_schemas(kind)))}'


def _api_version(kind: str) -> str:
    return next((each.api_version for each in scheme.RESOURCES if each.kind == kind), "")


def _closest(name: str, known: Collection[str], cutoff: float) -> str:
    """Return the known name that is closest, in whatever case it was written."""
    lowered = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return lowered[found[0]] if found else ""


@functools.cache
def _schemas(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what a kind's definition says of its versions."""
    plural = next((each.plural for each in scheme.RESOURCES if each.kind == kind), "")
    file = resources.files(deploy.crds) / f"{plural}.yaml"
    if not plural or not file.is_file():
        return {}
    definition = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    return {each["name"]: each["schema"]["openAPIV3Schema"] for each in definition["spec"]["versions"]}


def _unknown(value: Any, schema: Mapping[str, Any], path: _Path) -> Iterator[Unknown]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(item, schema.get("items", {}), (*path, number))
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    known, others = schema.get("properties"), schema.get("additionalProperties")
    for key, inner in value.items():
        if known is not None and key in known:
            yield from _unknown(inner, known[key], (*path, key))
        elif isinstance(others, dict):
            yield from _unknown(inner, others, (*path, key))
        elif known is not None and not others:
            yield Unknown((*path, key), _closest(str(key), known, 0.6))
