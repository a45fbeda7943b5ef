"""Charts for the tests, packaged in memory."""

import io
import tarfile
from collections.abc import Mapping

METADATA = "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: '9'\n"


def packaged(files: Mapping[str, str | bytes], *, name: str = "shop") -> bytes:
    """Package files beneath the chart's folder; without a Chart.yaml among them it gets one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path, text in {"Chart.yaml": METADATA, **files}.items():
            content = text.encode() if isinstance(text, str) else text
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def rendering(template: str, **files: str) -> bytes:
    """Package a chart of one ConfigMap with a text in it."""
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: said}\ndata:\n  text: " + template + "\n"
    return packaged({"templates/said.yaml": text, **files})
