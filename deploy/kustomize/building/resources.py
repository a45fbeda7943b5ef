"""The resources in what kustomize prints: one by one, read, and named as kustomize names them."""

import re

from deploy.cluster import objects
from gotk import documents

_MARK = re.compile(r"^---\n", re.MULTILINE)


def split(text: str) -> list[str]:
    """Split what kustomize prints into its documents; their marks stand alone on a line, as no content does."""
    return [part for part in _MARK.split(text) if part.strip()]


def join(texts: list[str]) -> str:
    """Write resources as kustomize prints them together."""
    return "---\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts)


def read(text: str) -> objects.Manifest:
    """Return the one resource of a text, empty where it is none. Raises documents.DocumentError."""
    value = (documents.load(text) or [{}])[0]
    return value if isinstance(value, dict) else {}


def described(value: objects.Manifest) -> str:
    """Name a resource as kustomize does: `Deployment.v1.apps/podinfo`."""
    version = str(value.get("apiVersion", "")).rpartition("/")[2] or "[noVer]"
    name = (value.get("metadata") or {}).get("name", "")
    return f"{value.get('kind') or '[noKind]'}.{version}.{objects.group_of(value) or '[noGrp]'}/{name}"
