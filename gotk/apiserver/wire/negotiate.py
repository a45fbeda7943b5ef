"""What the client can read: JSON, YAML, or JSON in the shape of a Table or of bare metadata.

Answers to `k8s.io/apiserver/pkg/endpoints/handlers/negotiation`: the first media type of `Accept` that we serve wins,
so a client that prefers protobuf or CBOR and also reads JSON gets JSON.
"""

from dataclasses import dataclass
from functools import lru_cache

from gotk.apiserver import status

_SHAPES = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
_JSON = frozenset({"application/json", "application/*", "*/*"})


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to write an answer. `shape` is empty for the object itself; `version` is that of meta.k8s.io."""

    shape: str = ""
    version: str = "v1"
    yaml: bool = False

    @property
    def converted(self) -> bool:
        """Whether more is to be done than to send the bytes that are there."""
        return bool(self.shape) or self.yaml

    @property
    def content_type(self) -> str:
        """The media type of the answer."""
        return "application/yaml" if self.yaml else "application/json"


@lru_cache(maxsize=256)
def choose(accept: str) -> Encoding:
    """Pick how to answer. Raises Refusal (406) when nothing fits."""
    if not accept.strip():
        return Encoding()
    for entry in accept.split(","):
        encoding = _offer(entry)
        if encoding is not None:
            return encoding
    raise status.not_acceptable()


def _offer(entry: str) -> Encoding | None:
    media, *parameters = (part.strip() for part in entry.split(";"))
    options = dict(part.split("=", 1) for part in parameters if "=" in part)
    shape = options.get("as", "")
    if shape and (shape not in _SHAPES or options.get("g") != "meta.k8s.io"):
        return None
    version = options.get("v", "v1")
    if shape and version not in {"v1", "v1beta1"}:
        return None
    if media in _JSON:
        return Encoding(shape.removesuffix("List"), version)
    if media == "application/yaml" and not shape:
        return Encoding(yaml=True)
    return None


def discovery(accept: str) -> str:
    """Return the aggregated discovery's version (`v2`) when the client asks for it first, else nothing."""
    for entry in accept.split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        options = dict(part.split("=", 1) for part in parameters if "=" in part)
        if media not in _JSON:
            continue
        if options.get("g") == "apidiscovery.k8s.io" and options.get("as") == "APIGroupDiscoveryList":
            if options.get("v") == "v2":
                return "v2"
            continue
        if "as" not in options:
            return ""
    return ""
