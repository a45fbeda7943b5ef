"""Sources for tests: files on disk, archives as a source publishes them, Kustomizations."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gotk.api import scheme
from gotk.api.kustomize import Kustomization

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: value\n"


def config_map(name: str = "cm") -> str:
    """Return the manifest of a small ConfigMap."""
    return CONFIG_MAP.format(name=name)


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files under a directory and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def archive(files: Mapping[str, str]) -> bytes:
    """Pack files as a source does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)


def digest(body: bytes) -> str:
    """Return the digest of an archive."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def kustomization(name: str = "app", *, namespace: str = "default", **spec: Any) -> Kustomization:
    """Return a Kustomization; `spec` adds to what every one needs, in the API's spelling."""
    whole = {"interval": "10m", "sourceRef": {"kind": "GitRepository", "name": "src"}, "prune": True, **spec}
    plain = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": namespace, "generation": 1},
        "spec": whole,
    }
    return scheme.convert(plain, Kustomization)
