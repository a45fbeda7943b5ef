"""The OpenAPI definitions of the built-in kinds, as packaged: trimmed from a Kubernetes release, read once.

`scripts/trim_builtin_schemas.py` says where they come from and what was put right in them.
"""

import functools
import gzip
from importlib import resources
from typing import Any

import orjson

PREFIX = "#/components/schemas/"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"


@functools.cache
def load() -> dict[str, dict[str, Any]]:
    """Return every definition by name. Callers must not change them."""
    packed = resources.files("gotk.apiserver").joinpath("data/builtin-schemas.json.gz").read_bytes()
    definitions: dict[str, dict[str, Any]] = orjson.loads(gzip.decompress(packed))["definitions"]
    return definitions


def reference(name: str) -> dict[str, str]:
    """Refer to a definition."""
    return {"$ref": PREFIX + name}
