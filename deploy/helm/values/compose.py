"""The values of a release, composed: references in the order of the list, inline values over them.

Answers to `ChartValuesFromReferences` of `fluxcd/pkg/chartutil`, and to its one surprise, since releases depend on it:
a value for a `targetPath` is put into what has been merged so far, inline values included, and at the end the inline
values are merged over the result once more. So such a value wins over an inline one inside of a map that only the
inline values have, and loses to it at the top, or inside of a map that an earlier reference gave too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.helm.values import set_syntax
from deploy.source.charts import text
from deploy.source.charts.values import merged
from gotk import nesting
from gotk.api.core import ConfigMap, Secret
from gotk.api.helm import HelmRelease, ValuesReference
from gotk.kube.errors import APIError, NotFound
from gotk.kube.ports import Getter

_KEY = "values.yaml"
_QUOTES = "'\""
_LEVELS = 100
_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in "\\,[]{}"})


class ValuesError(ValueError):
    """A reference that cannot be resolved. The message names object and key, and never holds a value."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What one reference gave: the top-level keys, or the one path; `missing` says why an optional one gave nothing."""

    kind: str
    name: str
    key: str
    paths: tuple[str, ...] = ()
    missing: str = ""
    given: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Composed:
    """The values, where they came from in order, and the texts that Secrets gave: no message may carry those."""

    values: dict[str, Any] = field(repr=False)
    origins: tuple[Origin, ...]
    hidden: tuple[str, ...] = field(default=(), repr=False)


async def compose(obj: HelmRelease, *, client: Getter) -> dict[str, Any]:
    """Return the values that an object's release is to have. Raises ValuesError."""
    return (await trace(obj, client=client)).values


async def trace(obj: HelmRelease, *, client: Getter) -> Composed:
    """Return the values of an object's release, and where they come from. Raises ValuesError."""
    inline = _inline(obj)
    values: dict[str, Any] = {}
    origins: list[Origin] = []
    hidden: list[str] = []
    source = _Source(client, obj.metadata.namespace)
    for reference in obj.spec.values_from:
        origin = Origin(reference.kind, reference.name, reference.values_key or _KEY)
        try:
            data = await source.data(reference)
            if reference.target_path:
                path, value = reference.target_path, data.decode("utf-8", "replace")
                given: dict[str, Any] = {path: value}
                values = merged(values, inline)
                _put(values, path, value, literal=reference.literal)
                tree: dict[str, Any] = {}
                _put(tree, path, value, literal=reference.literal)
            else:
                given = _read(data)
                tree = _apart(given)  # what follows may change a list in place
                values = merged(values, given)
        except _Absent as error:
            if not reference.optional:
                raise ValuesError(_message(reference, source.namespace, str(error))) from None
            origins.append(replace(origin, missing=str(error)))
            continue
        except (APIError, _Unfit) as error:
            raise ValuesError(_message(reference, source.namespace, str(error))) from error
        origins.append(replace(origin, paths=tuple(given), given=tree))
        if reference.kind == "Secret":
            hidden += _texts(given)
    return Composed(merged(values, inline), tuple(origins), tuple(hidden))


def _inline(obj: HelmRelease) -> dict[str, Any]:
    """Return the inline values as a copy that a path may change."""
    values = dict(obj.spec.values or {})
    try:
        nesting.check_value(values, levels=_LEVELS)
    except nesting.TooDeep as error:
        raise ValuesError(f"spec.values: {error}") from None
    copied: dict[str, Any] = _apart(values)
    return copied


class _Absent(LookupError):
    """The object or its key is not there; an optional reference gives nothing then."""


class _Unfit(ValueError):
    """What is there is of no use."""


class _Source:
    """ConfigMaps and Secrets of one namespace, each read once: references to one object see one version of it."""

    def __init__(self, client: Getter, namespace: str) -> None:
        self.namespace = namespace
        self._client = client
        self._seen: dict[tuple[str, str], Mapping[str, bytes] | Mapping[str, str] | None] = {}

    async def data(self, reference: ValuesReference) -> bytes:
        """Return what a reference's key holds. Raises _Absent and APIError."""
        at = (reference.kind, reference.name)
        if at not in self._seen:
            self._seen[at] = await self._get(*at)
        found = self._seen[at]
        if found is None:
            raise _Absent("resource not found")
        value = found.get(reference.values_key or _KEY)
        if value is None:
            raise _Absent("key not found")
        return value.encode() if isinstance(value, str) else value

    async def _get(self, kind: str, name: str) -> Mapping[str, bytes] | Mapping[str, str] | None:
        try:
            if kind == "Secret":
                return (await self._client.get(Secret, self.namespace, name)).data
            return (await self._client.get(ConfigMap, self.namespace, name)).data
        except NotFound:
            return None


def _apart(value: Any) -> Any:
    """Copy a value; what stands in it twice by an alias becomes two things, each to be changed by itself."""
    if isinstance(value, dict):
        return {key: _apart(inner) for key, inner in value.items()}
    return [_apart(inner) for inner in value] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    """Return every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _read(data: bytes) -> dict[str, Any]:
    try:
        values = text.read(data, strict=False)
    except text.Unreadable as error:
        raise _Unfit(f"failed to read values data: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise _Unfit("failed to read values data: it is not a map; set targetPath to put a single value into place")
    apart: dict[str, Any] = _apart(values)
    return apart


def _put(values: dict[str, Any], path: str, value: str, *, literal: bool) -> None:
    """Put a value into values as helm's command line would; a text in quotes, or a literal one, stays text."""
    quoted = any(value.startswith(quote) and value.endswith(quote) for quote in _QUOTES)
    if literal:
        value = value.translate(_ESCAPED)
    elif quoted:
        value = value.strip(_QUOTES)
    try:
        set_syntax.put(values, f"{path}={value}", as_text=literal or quoted)
    except set_syntax.SetError as error:
        hint = "" if literal else "; if the value is plain text, set literal: true"
        raise _Unfit(f"failed to merge value at '{path}': {error}{hint}") from None
    try:
        nesting.check_value(values, levels=_LEVELS)
    except nesting.TooDeep as error:
        raise _Unfit(f"failed to merge value at '{path}': {error}") from None


def _message(reference: ValuesReference, namespace: str, cause: str) -> str:
    optional = "optional " if reference.optional else ""
    name = f"{namespace}/{reference.name}"
    key = reference.values_key or _KEY
    return f"could not resolve {optional}{reference.kind} chart values reference '{name}' with key '{key}': {cause}"
