"""The definitions of our kinds, one YAML file each, as they are installed on a cluster.

The embedded control plane serves the same files, so what works there works on a cluster. They answer to the
definitions that Flux installs: same names, fields, defaults, patterns and columns; older API versions are served too.
"""

from importlib import resources
from typing import Any

import yaml

_FOR_KUSTOMIZE = "kustomization.yaml"


def load() -> list[dict[str, Any]]:
    """Read every definition, in the order of their names."""
    names = (f for f in resources.files(__name__).iterdir() if f.name.endswith(".yaml") and f.name != _FOR_KUSTOMIZE)
    files = sorted(names, key=lambda f: f.name)
    return [yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader) for file in files]
