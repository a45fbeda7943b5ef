"""One artifact for each folder that a pattern finds: `@repo/apps/{app}` and what its captures make of a template. Pure.

Answers to `spec.pathPattern` of source-watcher: what captures may be called, that names and labels take them in lower
case and paths as they are spelt, and its error texts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from gotk.api.source_extensions import OutputArtifact

#: How many artifacts one generator may have: as many as its spec may name.
MOST = 1000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LABEL = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_LABEL_LENGTH = 63
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_SUBDOMAIN_LENGTH = 253


class Unexpandable(ValueError):
    """A pattern, a name or a folder of which no artifact can be made; no retry helps until one of them changes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One artifact to make, and the labels that its captures give it."""

    artifact: OutputArtifact
    labels: Mapping[str, str] = field(default_factory=dict)


def expand(pattern: str, artifacts: Sequence[OutputArtifact], folders: Iterable[str]) -> list[Wanted]:
    """Return an artifact of each template for each folder that a pattern finds. Raises Unexpandable."""
    names = _captures(pattern)
    matcher = re.compile("".join(_regex(part, names) for part in re.split(r"(\{[^}]*\})", pattern)))
    found: list[Wanted] = []
    seen: dict[str, str] = {}
    for folder in folders:
        match = matcher.fullmatch(folder)
        if match is None:
            continue
        raw = match.groupdict()
        lower = {name: value.lower() for name, value in raw.items()}
        for name, value in lower.items():
            if len(value) > _LABEL_LENGTH or not _LABEL.fullmatch(value):
                raise Unexpandable(
                    f'captured value "{value[:100]}" for variable "{name}" is not a valid Kubernetes label value'
                )
        for template in artifacts:
            made = _rendered(template, lower, raw, folder)
            if made.name in seen:
                both = f'"{seen[made.name]}" and "{folder}"'
                raise Unexpandable(f'directories {both} both resolve to artifact name "{made.name}"')
            seen[made.name] = folder
            found.append(Wanted(made, lower))
            if len(found) > MOST:
                raise Unexpandable(f"it finds more than {MOST} artifacts")
    return found


def bad_name(name: str) -> str:
    """Return what is wrong with the name of an object; nothing where it will do."""
    if len(name) > _SUBDOMAIN_LENGTH:
        return f"must be no more than {_SUBDOMAIN_LENGTH} characters"
    if re.fullmatch(_SUBDOMAIN, name, re.ASCII):
        return ""
    return (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        f"and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
    )


def _captures(pattern: str) -> list[str]:
    """Return the names between braces. Raises Unexpandable."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "}":
            raise Unexpandable(f"invalid capture ending at offset {at}: missing opening brace")
        if pattern[at] == "{":
            end = pattern.find("}", at)
            if end < 0:
                raise Unexpandable(f"invalid capture starting at offset {at}: missing closing brace")
            name = pattern[at + 1 : end]
            _check_name(name)
            if name in found:
                raise Unexpandable(f'duplicate capture variable "{name}"')
            found.append(name)
            at = end
        at += 1
    return found


def _check_name(name: str) -> None:
    if not name:
        raise Unexpandable("empty capture variable")
    if not _NAME.fullmatch(name):
        expected = f"must be a valid capture name matching {_NAME.pattern}"
        raise Unexpandable(f'capture variable "{name}" {expected}')
    if len(name) > _LABEL_LENGTH or not _LABEL.fullmatch(name):
        raise Unexpandable(f'capture variable "{name}" is not a valid Kubernetes label key')


def _regex(part: str, names: Sequence[str]) -> str:
    return f"(?P<{part[1:-1]}>[^/]+)" if part[:1] == "{" and part[1:-1] in names else re.escape(part)


def _rendered(
    template: OutputArtifact, lower: Mapping[str, str], raw: Mapping[str, str], folder: str
) -> OutputArtifact:
    try:
        name = _filled(template.name, lower)
        copied = tuple(
            structs.replace(each, from_=_filled(each.from_, raw), to=_filled(each.to, raw)) for each in template.copy
        )
    except Unexpandable as error:
        raise Unexpandable(f"failed to render artifact {template.name} for match {folder}: {error}") from error
    if problem := bad_name(name):
        raise Unexpandable(f'rendered artifact name "{name}" is not a valid Kubernetes object name: {problem}')
    return structs.replace(template, name=name, copy=copied)


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Put captures into a template. Raises Unexpandable."""
    out: list[str] = []
    at = 0
    while at < len(template):
        char = template[at]
        if char == "}":
            raise Unexpandable(f'invalid template "{template}": capture ending at offset {at} is missing opening brace')
        if char != "{":
            out.append(char)
            at += 1
            continue
        end = template.find("}", at)
        if end < 0:
            raise Unexpandable(
                f'invalid template "{template}": capture starting at offset {at} is missing closing brace'
            )
        name = template[at + 1 : end]
        _check_name(name)
        if name not in values:
            raise Unexpandable(
                f'invalid template "{template}": capture variable "{name}" is not defined by pathPattern'
            )
        out.append(values[name])
        at = end + 1
    return "".join(out)
