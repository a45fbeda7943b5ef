"""Digests that tell whether something of a release has changed: values, post-renderers, metadata, the release itself.

Those of values, post-renderers and metadata are helm-controller's own, to the byte, so that a release that changes
hands is not upgraded for that. The one of a release is not: helm-controller's covers the JSON of helm's Go structs.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from deploy.helm.release import Release
from gotk import digest, go_yaml
from gotk.api.helm import HelmRelease
from gotk.digest import ALGORITHMS, CANONICAL

_HTML = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
#: Go's whole numbers; what lies beyond is a float there.
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
_TEST = "test"


def config(values: Mapping[str, Any] | None, algorithm: str = CANONICAL) -> str:
    """Return the digest of the values that a release is made with; no values at all is that of an empty text."""
    return _digest(go_yaml.write(_as_go_reads(values), numbers_in_order=False) if values else "", algorithm)


def algorithm_of(made: str) -> str:
    """Return what a digest was made with; the usual algorithm where it says nothing that is known."""
    name = made.partition(":")[0]
    return name if name in ALGORITHMS else CANONICAL


def post_renderers(obj: HelmRelease, algorithm: str = CANONICAL) -> str:
    """Return the digest of the object's post-renderers, and nothing where it has none."""
    return _json(list(obj.spec.post_renderers), algorithm) if obj.spec.post_renderers else ""


def common_metadata(obj: HelmRelease, algorithm: str = CANONICAL) -> str:
    """Return the digest of the object's common metadata, and nothing where it has none."""
    metadata = obj.spec.common_metadata
    if metadata is None:
        return ""
    # The order of a Go map is that of its keys.
    in_order = {name: dict(sorted(given.items())) for name, given in msgspec.structs.asdict(metadata).items()}
    return _json(msgspec.structs.replace(metadata, **in_order), algorithm)


def release(made: Release, oci_digest: str = "", algorithm: str = CANONICAL) -> str:
    """Return the digest of a release as it is stored, which changes when anybody else writes it.

    Tests are left out, since `helm test` writes how they ended, and so is the chart but for its metadata.
    """
    observed = {
        "name": made.name,
        "namespace": made.namespace,
        "version": made.version,
        "info": msgspec.to_builtins(made.info),
        "chart": made.metadata,
        "config": made.config or {},
        "manifest": made.manifest,
        "hooks": [msgspec.to_builtins(hook) for hook in made.hooks if _TEST not in hook.events],
        "ociDigest": oci_digest,
    }
    return _digest(json.dumps(observed, sort_keys=True, separators=(",", ":"), ensure_ascii=True), algorithm)


def _as_go_reads(value: Any) -> Any:
    """Return a value with numbers as Go takes them from JSON: what is whole is an integer if it fits into one."""
    match value:
        case Mapping():
            return {key: _as_go_reads(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_as_go_reads(inner) for inner in value]
        case float() if value.is_integer() and _LEAST <= value <= _MOST:
            return int(value)
        case int() if not isinstance(value, bool) and not _LEAST <= value <= _MOST:
            return float(value)
    return value


def _json(value: Any, algorithm: str) -> str:
    """Return the digest of a value as Go's JSON encoder writes it: signs of HTML are escaped, and a line ends it."""
    return _digest(f"{msgspec.json.encode(value).decode().translate(_HTML)}\n", algorithm)


def _digest(text: str, algorithm: str) -> str:
    return digest.of_bytes(text.encode(), algorithm)
