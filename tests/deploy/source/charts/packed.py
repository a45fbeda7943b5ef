"""Charts and sources made by hand, also such as no tool would make."""

import gzip
import io
import tarfile
from collections.abc import Mapping


def tgz(files: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """Pack files under their names, whatever these are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def chart(version: str = "1.0.0", *, name: str = "web", more: Mapping[str, bytes] | None = None, **said: str) -> bytes:
    """Pack a small chart."""
    lines = "".join(f"{key}: {value}\n" for key, value in said.items())
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n{lines}".encode(),
        "values.yaml": b"replicas: 1\nimage: {tag: one}\n",
        "templates/config.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
        **(more or {}),
    }
    return tgz({f"{name}/{path}": content for path, content in files.items()})


def folder(version: str = "1.0.0", *, name: str = "web", at: str = "charts/web", said: str = "") -> dict[str, bytes]:
    """Return the files of a chart that is not packed, below a place in a source."""
    return {
        f"{at}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n{said}".encode(),
        f"{at}/values.yaml": b"replicas: 1\n",
        f"{at}/templates/config.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
    }
