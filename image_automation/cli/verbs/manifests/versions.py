"""Old API versions in manifests: where they stand, and the same text with the newest ones. Pure, over bytes.

Answers to `flux migrate -f`, which looks for an `apiVersion` line with a `kind` line behind it. Here the two may stand
in any order, quoted, with comments, in a list or a template: they belong together when they stand in one column of one
mapping. Nothing but the version is replaced.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_IMAGE, _SOURCE = "image.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"
_NOTIFICATION = "notification.toolkit.fluxcd.io"
_NEWEST: Mapping[tuple[str, str], str] = {
    **{(_SOURCE, kind): "v1" for kind in ("Bucket", "GitRepository", "OCIRepository", "HelmRepository", "HelmChart")},
    (_SOURCE, "ExternalArtifact"): "v1",
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): "v1",
    ("helm.toolkit.fluxcd.io", "HelmRelease"): "v2",
    (_NOTIFICATION, "Receiver"): "v1",
    (_NOTIFICATION, "Alert"): "v1beta3",
    (_NOTIFICATION, "Provider"): "v1beta3",
    **{(_IMAGE, kind): "v1" for kind in ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation")},
    ("source.extensions.fluxcd.io", "ArtifactGenerator"): "v1beta1",
}
_OF_2_6 = {**_NEWEST, **{(_IMAGE, kind): "v1beta2" for group, kind in _NEWEST if group == _IMAGE}}
#: The newest version of each kind, by the version of Flux that a repository is for.
OF_FLUX: Mapping[str, Mapping[tuple[str, str], str]] = {
    **dict.fromkeys(("2.9", "2.8", "2.7"), _NEWEST),
    "2.6": _OF_2_6,
}
_LINE = re.compile(
    rb"[ ]*(?:-[ ]+)*(?P<key>apiVersion|kind):[ ]+"
    rb"(?P<quote>[\"']?)(?P<value>[A-Za-z0-9./-]+)(?P=quote)[ \t]*(?:#.*)?\r?$"
)
_SEPARATOR = re.compile(rb"---(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A version to replace: on which line, of which kind, and where its bytes are."""

    line: int
    kind: str
    old: str
    new: str
    start: int


@dataclass(slots=True)
class _Mapping:
    """What is known of a mapping whose keys stand in a column."""

    api_version: tuple[str, int, int] | None = None
    kind: str = ""


def find(data: bytes, newest: Mapping[tuple[str, str], str]) -> list[Upgrade]:
    """Return the versions of a file that are not the newest, in order."""
    found = []
    for each in _mappings(data):
        if each.api_version is None:
            continue
        value, line, start = each.api_version
        group, _, version = value.rpartition("/")
        new = newest.get((group, each.kind), version)
        if new != version:
            found.append(Upgrade(line, each.kind, version, new, start + len(group) + 1))
    return sorted(found, key=lambda upgrade: upgrade.line)


def replace(data: bytes, upgrades: Sequence[Upgrade]) -> bytes:
    """Return a file's bytes with its upgrades made."""
    for each in sorted(upgrades, key=lambda upgrade: upgrade.start, reverse=True):
        data = data[: each.start] + each.new.encode() + data[each.start + len(each.old) :]
    return data


def _mappings(data: bytes) -> Iterator[_Mapping]:
    """Yield the mappings that have an API version or a kind, as their columns tell them apart."""
    open_ones: dict[int, _Mapping] = {}
    position = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        start, position = position, position + len(line) + 1
        text = line.strip()
        if _SEPARATOR.match(line):
            yield from open_ones.values()
            open_ones = {}
        elif text and not text.startswith((b"#", b"{{")):
            key = line.lstrip(b" ")
            item = key.startswith(b"- ")
            column = len(line) - len(key.lstrip(b"- ") if item else key)
            begins = len(line) - len(key)
            for ended in [each for each in open_ones if each > column or (item and each > begins)]:
                yield open_ones.pop(ended)
            if match := _LINE.match(line):
                _note(open_ones.setdefault(column, _Mapping()), match, number, start)
    yield from open_ones.values()


def _note(mapping: _Mapping, match: re.Match[bytes], line: int, start: int) -> None:
    value = match["value"].decode()
    if match["key"] == b"kind":
        mapping.kind = value
    else:
        mapping.api_version = (value, line, start + match.start("value"))
