"""Digests that tell whether something of a release has changed: values, post-renderers, metadata, the release itself.

Those of values, post-renderers and metadata are helm-controller's own, to the byte, so that a release that changes
hands is not upgraded for that. The one of a release is not: helm-controller's covers the JSON of helm's Go structs.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from deploy.helm.release import Release
from gotk import go_yaml
from gotk.api.helm import HelmRelease

_HTML = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
#: Go's whole numbers; what lies beyond is a float there.
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
_TEST = "test"


def config(values: Mapping[str, Any] | None) -> str:
    """Return the digest of the values that a release is made with; no values at all is that of an empty text."""
    return _sha256(go_yaml.write(_as_go_reads(values), numbers_in_order=False) if values else "")


def post_renderers(obj: HelmRelease) -> str:
    """Return the digest of the object's post-renderers, and nothing where it has none."""
    return _json(list(obj.spec.post_renderers)) if obj.spec.post_renderers else ""


def common_metadata(obj: HelmRelease) -> str:
    """Return the digest of the object's common metadata, and nothing where it has none."""
    metadata = obj.spec.common_metadata
    if metadata is None:
        return ""
    # The order of a Go map is that of its keys.
    return _json(msgspec.structs.replace(metadata, **{
        name: dict(sorted(given.items())) for name, given in msgspec.structs.asdict(metadata).items()
    }))  # fmt: skip


def release(made: Release, oci_digest: str = "") -> str:
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
    return _sha256(json.dumps(observed, sort_keys=True, separators=(",", ":"), ensure_ascii=True))


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


def _json(value: Any) -> str:
    """Return the digest of a value as Go's JSON encoder writes it: signs of HTML are escaped, and a line ends it."""
    return _sha256(f"{msgspec.json.encode(value).decode().translate(_HTML)}\n")


def _sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
