"""YAML files that meet in one place, merged as Helm merges values: maps merge, all else is replaced.

Answers to `loadYAML` and `mergeYAML` of source-watcher: the documents of one file are merged first.
"""

import re
from pathlib import Path
from typing import Any

from deploy.source.charts import text, values
from deploy.source.tarball import Content

_LARGEST = 5 << 20
_BETWEEN = re.compile(rb"^---[ \t]*(?:#.*)?\r?$", re.MULTILINE)


class NotMergeable(ValueError):
    """A file that is no YAML of maps. The message quotes nothing of it."""


def merge(old: Content, new: Path) -> bytes:
    """Return the one file with the other merged into it. Raises NotMergeable, OSError."""
    return values.write(values.merged(_read(old), _read(new)))


def _read(content: Content) -> dict[str, Any]:
    if (len(content) if isinstance(content, bytes) else content.stat().st_size) > _LARGEST:
        raise NotMergeable(f"failed to merge YAML: a file of more than {_LARGEST} bytes")
    found: dict[str, Any] = {}
    for part in _BETWEEN.split(content if isinstance(content, bytes) else content.read_bytes()):
        try:
            value = text.read(part, strict=False)
        except text.Unreadable as error:
            raise NotMergeable(f"cannot unmarshal YAML document: {error}") from None
        if value is None:
            continue
        if not isinstance(value, dict):
            raise NotMergeable("cannot unmarshal YAML document: it is not a map")
        found = values.merged(found, value)
    return found
