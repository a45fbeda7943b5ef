"""What decryption made of a text, and what of it no message may show."""

from collections.abc import Iterator, Mapping
from typing import Any

_DECRYPT = "kustomize.toolkit.fluxcd.io/decrypt"


def opts_out(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a resource asks to be left encrypted; only an annotation counts, in letters of any case."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(_DECRYPT, "")).lower() == "disabled"


def is_encrypted(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a resource holds sops' metadata."""
    metadata = manifest.get("sops")
    return isinstance(metadata, dict) and bool(metadata.get("mac"))


def secret_values(before: Any, after: Any) -> Iterator[str]:
    """Yield every scalar that decryption changed."""
    if isinstance(after, dict):
        for key, value in after.items():
            yield from secret_values(before.get(key) if isinstance(before, dict) else None, value)
    elif isinstance(after, list):
        for index, value in enumerate(after):
            found = before[index] if isinstance(before, list) and index < len(before) else None
            yield from secret_values(found, value)
    elif after != before and after is not None:
        yield str(after)


def secret_lines(before: bytes, after: bytes) -> Iterator[str]:
    """Yield every line that decryption changed, and what stands behind a key in it."""
    known = set(before.splitlines())
    for line in after.splitlines():
        if line not in known:
            text = line.decode("utf-8", "replace").strip()
            yield text
            for mark in (":", "="):
                yield text.partition(mark)[2].strip().strip("\"'")
