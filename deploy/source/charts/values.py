"""Values files, merged in order into what becomes the chart's default values. Pure.

Answers to `mergeChartValues` and `mergeFileValues` of source-controller: maps merge, everything else is replaced, and
the result has its keys in order. Text that any YAML reader could take for something else is quoted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from deploy.source.charts import text
from gotk import documents


class ValuesError(ValueError):
    """A values file that is missing or is none."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The content of the new values file, and the files that it was merged from."""

    content: bytes
    files: tuple[str, ...]


def merge(paths: Sequence[str], find: Callable[[str], bytes | None], *, lenient: bool) -> Merged:
    """Merge the files that `find` knows; a missing one is passed over where that is `lenient`. Raises ValuesError."""
    values: dict[str, Any] = {}
    used = []
    for path in paths:
        content = find(path)
        if content is None:
            if lenient:
                continue
            raise ValuesError(f"no values file found at path '{path}'")
        values = merged(values, _read(path, content))
        used.append(path)
    return Merged(write(values) if values else b"", tuple(used))


def write(values: dict[str, Any]) -> bytes:
    """Spell values as YAML."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=1 << 20).encode()


def _read(path: str, content: bytes) -> dict[str, Any]:
    try:
        value = text.read(content, strict=False)
    except text.Unreadable as error:
        raise ValuesError(f"unmarshaling values from '{path}' failed: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValuesError(f"unmarshaling values from '{path}' failed: it is not a map")
    return value


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Lay new values over old ones: maps merge, all else is replaced, by null too. Both stay, and share their parts."""
    out = dict(old)
    for key, value in new.items():
        before = out.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        out[key] = merged(before, value) if both else value  # type: ignore[arg-type] # a map, as `both` says
    return out


class _Dumper(yaml.CSafeDumper):
    """Quotes text that Kubernetes' readers would take for something else than PyYAML does."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's contract
        """Never write an anchor."""
        return True


def _text(dumper: Any, value: str) -> Any:
    style = None
    try:
        if documents.scalar(value) != value:
            style = "'"
    except documents.DocumentError:
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else style)


_Dumper.add_representer(str, _text)
