"""What a chart says of itself: the fields of Chart.yaml, cleaned and checked as Helm does it. Pure.

Answers to `Metadata`, `Dependency` and their `Validate` in Helm's `pkg/chart/v2`: fields in the order in which Helm
writes them, text without what cannot be printed, the same refusals.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from deploy.source.charts import fields, text
from gotk.api.meta import Struct
from gotk.semver import Version

_ALIAS = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)


class Invalid(ValueError):
    """A chart that says nonsense of itself. The message is Helm's."""


class RepeatedDependency(Invalid):
    """Two dependencies go by one name: wrong in a chart, overlooked in an index."""


class Maintainer(Struct, frozen=True, kw_only=True):
    """Somebody who looks after a chart."""

    name: str = ""
    email: str = ""
    url: str = ""


class Dependency(Struct, frozen=True, kw_only=True):
    """Another chart that a chart needs."""

    readers: ClassVar[Mapping[str, fields.Reader]] = {"import-values": lambda value: tuple(fields.sequence(value))}

    name: str
    version: str = ""
    repository: str
    condition: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = False
    import_values: tuple[Any, ...] = msgspec.field(default=(), name="import-values")
    alias: str = ""

    @property
    def key(self) -> str:
        """What it goes by in its chart."""
        return self.alias or self.name


def dependencies(value: Any) -> tuple[Dependency, ...]:
    """Read a list of dependencies. Raises Malformed and Invalid."""
    found = fields.sequence(value)
    if None in found:
        raise Invalid("validation: dependencies must not contain empty or null nodes")
    return tuple(fields.struct(Dependency, each, name="", repository="") for each in found)


def _maintainers(value: Any) -> tuple[Maintainer, ...]:
    found = fields.sequence(value)
    if None in found:
        raise Invalid("validation: maintainers must not contain empty or null nodes")
    return tuple(fields.struct(Maintainer, each) for each in found)


class Metadata(Struct, frozen=True, kw_only=True):
    """The content of Chart.yaml."""

    readers: ClassVar[Mapping[str, fields.Reader]] = {
        "annotations": fields.text_map,
        "apiVersion": text.text,
        "dependencies": dependencies,
        "maintainers": _maintainers,
        "type": text.text,
        "version": text.text,
    }

    name: str = ""
    home: str = ""
    sources: tuple[str, ...] = ()
    version: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    maintainers: tuple[Maintainer, ...] = ()
    icon: str = ""
    api_version: str = ""
    condition: str = ""
    tags: str = ""
    app_version: str = ""
    deprecated: bool = False
    annotations: Mapping[str, str] = {}
    kube_version: str = ""
    dependencies: tuple[Dependency, ...] = ()
    type: str = ""


def read(value: Mapping[str, Any]) -> Metadata:
    """Read what Chart.yaml says. Raises Malformed and Invalid."""
    return fields.struct(Metadata, value)


def check(metadata: Metadata) -> None:
    """Refuse what Helm refuses. Raises Invalid, and last of all RepeatedDependency."""
    name = metadata.name
    if not metadata.api_version:
        raise Invalid("validation: chart.metadata.apiVersion is required")
    if not name:
        raise Invalid("validation: chart.metadata.name is required")
    if name in {".", ".."}:
        raise Invalid(f'validation: chart.metadata.name "{name}" is not allowed')
    if "/" in name:
        raise Invalid(f'validation: chart.metadata.name "{name[:200]}" is invalid')
    if not metadata.version:
        raise Invalid("validation: chart.metadata.version is required")
    try:
        Version.parse(metadata.version)
    except ValueError:
        raise Invalid(f'validation: chart.metadata.version "{metadata.version[:200]}" is invalid') from None
    if metadata.type not in {"", "application", "library"}:
        raise Invalid("validation: chart.metadata.type must be application or library")
    _check_dependencies(metadata.dependencies)


def _check_dependencies(listed: tuple[Dependency, ...]) -> None:
    for each in listed:
        if each.alias and not _ALIAS.fullmatch(each.alias):
            raise Invalid(f'validation: dependency "{each.name}" has disallowed characters in the alias')
    seen: set[str] = set()
    for each in listed:
        if each.key in seen:
            raise RepeatedDependency(f'validation: more than one dependency with name or alias "{each.key}"')
        seen.add(each.key)
