"""Manifests: what an artifact is made of, by media type, digest and size. No input or output.

Answers to the OCI image specification's manifest and index, and to Docker's older spellings of both, read leniently as
`gotk.lenient` has it. What a manifest says of others is a claim that whoever fetches them checks.
"""

import re
from collections.abc import Mapping

import msgspec

from gotk import lenient
from gotk.oci import errors

INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
MANIFEST_TYPES = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_MOST_ENTRIES = 10_000

#: Whether a text is a digest that is checked here.
is_digest = _DIGEST.fullmatch


class Platform(msgspec.Struct, frozen=True):
    """What an image of an index runs on."""

    architecture: str = ""
    os: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is said of a blob or a manifest."""

    digest: str
    size: int = 0
    media_type: str = ""
    artifact_type: str = ""
    annotations: dict[str, str] = {}
    platform: Platform | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A manifest, or an index, which has `manifests` instead of layers."""

    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] = []
    manifests: list[Descriptor] = []
    annotations: dict[str, str] = {}

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests."""
        return self.media_type in INDEX_TYPES or (not self.media_type and not self.config and bool(self.manifests))

    @property
    def kind(self) -> str:
        """The type of artifact: its own word for it, else the type of its configuration."""
        return self.artifact_type or (self.config.media_type if self.config else "")


def read(body: bytes, *, content_type: str, what: object) -> Manifest:
    """Read a manifest or an index. Raises BadAnswer."""
    try:
        found = lenient.decode(body, Manifest)
    except lenient.Unreadable as error:
        raise errors.BadAnswer(f"{what}: the manifest cannot be read: {errors.printable(str(error))}") from error
    if len(found.layers) + len(found.manifests) > _MOST_ENTRIES:
        raise errors.BadAnswer(f"{what}: the manifest has more than {_MOST_ENTRIES} entries")
    if not found.media_type:
        found = msgspec.structs.replace(found, media_type=content_type.partition(";")[0].strip())
    return found


def for_platform(index: Manifest, platform: Platform, *, what: object) -> Descriptor:
    """Choose the manifest of a platform; one that names none is for it, as go-containerregistry has it.

    Raises BadAnswer where there is none.
    """
    for each in index.manifests:
        own = each.platform or platform
        if (own.os, own.architecture) == (platform.os, platform.architecture):
            return each
    raise errors.BadAnswer(f"{what}: no child with platform {platform.os}/{platform.architecture} in the index")


def origin(annotations: Mapping[str, str]) -> tuple[str, str]:
    """Return where an artifact says that it comes from: source and revision, as `flux push artifact` writes them."""
    name = "org.opencontainers.image."
    return annotations.get(f"{name}source", ""), annotations.get(f"{name}revision", "")
