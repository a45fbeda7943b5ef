"""Charts and sources made by hand, also such as no tool would make."""

from collections.abc import Mapping

from tests.artifacts import tarball


def chart(version: str = "1.0.0", *, name: str = "web", more: Mapping[str, bytes] | None = None, **said: str) -> bytes:
    """Pack a small chart."""
    lines = "".join(f"{key}: {value}\n" for key, value in said.items())
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n{lines}".encode(),
        "values.yaml": b"replicas: 1\nimage: {tag: one}\n",
        "templates/config.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
        **(more or {}),
    }
    return tarball({f"{name}/{path}": content for path, content in files.items()})


def folder(version: str = "1.0.0", *, name: str = "web", at: str = "charts/web", said: str = "") -> dict[str, bytes]:
    """Return the files of a chart that is not packed, below a place in a source."""
    return {
        f"{at}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n{said}".encode(),
        f"{at}/values.yaml": b"replicas: 1\n",
        f"{at}/templates/config.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
    }
