"""Fields that the newest version of a kind has no more: what `migrate` cannot do for whoever calls it."""

from collections.abc import Iterator
from pathlib import Path

from gotk import documents
from image_automation.oneshot import likeness
from image_automation.update import documents as streams


def fields(path: Path, data: bytes) -> Iterator[str]:
    """Yield a sentence for each field that a manifest's objects have and their kinds have not."""
    for span in streams.split(data):
        try:
            text = data[span.start : span.end].decode()
            values = documents.load(text)
        except (UnicodeDecodeError, documents.DocumentError):
            continue  # a template, or nothing that Kubernetes could read
        before = data.count(b"\n", 0, span.start)
        for value in values:
            if not isinstance(value, dict):
                continue
            api_version, kind = str(value.get("apiVersion")), str(value.get("kind"))
            for each in likeness.unknown_fields(api_version, kind, value):
                line = before + likeness.line_of(text, each.path)
                version = api_version.rpartition("/")[2]
                yield f"{path}:{line}: {kind} {version} has no field {'.'.join(map(str, each.path))}: move it by hand"
