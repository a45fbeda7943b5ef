"""What helm is handed for one rendering, as files that only this service and its child may read.

helm reads YAML by way of go-yaml. What is written here is JSON that it reads as what was meant: nothing in it breaks a
line or is a sign that YAML refuses, and no text stands without quotes.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.helm.release import Release

#: Signs that may stand in JSON as they are, and not in YAML, or that break lines in it.
_REFUSED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Unwritable(ValueError):
    """The content holds what neither JSON nor helm knows."""


def document(content: Any) -> bytes:
    """Return plain content as a document for helm. Raises Unwritable."""
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        cause = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        raise Unwritable(f"helm cannot be given this: {cause}") from None
    return _REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8", "replace")


def releases(previous: Release | None, *, config: bool) -> bytes:
    """Return the history that helm sees: of the last revision what it takes to make the next one.

    With `config` its values are in it, and those of its chart. Raises Unwritable.
    """
    if previous is None:
        return b"[]"
    chart: dict[str, Any] = {
        "metadata": {"apiVersion": "v2", **{key: previous.metadata.get(key, "") for key in ("name", "version")}}
    }
    if config:
        chart["values"] = previous.chart.get("values")
    record = {
        "name": previous.name,
        "namespace": previous.namespace,
        "version": previous.version,
        "info": {"status": "deployed", "first_deployed": previous.info.first_deployed or None},
        "chart": chart,
        "config": previous.config if config else None,
    }
    return document([record])


def lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files that nobody else may read. Blocks."""
    for name, content in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(content)
