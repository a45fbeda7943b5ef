"""Where a registry holds the signatures of a manifest: bundles that refer to it, or the tag that cosign 2 writes.

Answers to `GetBundles` and `Signatures` of cosign: Sigstore bundles as referrers of the manifest, by the registry's
list or by the tag that stands for it; else the layers of `sha256-<hash>.sig`, each with its signature in annotations.
Who can push can push signatures, so their number and size are bounded.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Protocol

from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.cosign.claims import Unverified
from gotk.oci.manifest import Descriptor, Manifest
from gotk.oci.name import Repository
from gotk.oci.pulling import Pulled

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle"
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"

_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_ENTRY = "dev.sigstore.cosign/bundle"
_MOST = 100
_LARGEST = 1 << 20


class Registry(Protocol):
    """Any registry. Raises `gotk.oci.errors.RegistryError`."""

    async def manifest(self, repository: Repository, reference: str, access: Access) -> Pulled:
        """Return the manifest behind a tag or a digest."""
        ...

    async def content(self, repository: Repository, blob: Descriptor, access: Access, *, limit: int) -> bytes:
        """Return a small blob."""
        ...

    async def referrers(self, repository: Repository, digest: str, access: Access) -> list[Descriptor]:
        """Return what refers to a manifest."""
        ...


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of cosign 2: over a payload, with a certificate (PEM) and a log's word for it where it has them."""

    payload: bytes
    signature: bytes
    certificate: bytes
    entry: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """The signatures of a manifest; where there are bundles nothing else counts."""

    bundles: tuple[bytes, ...] = ()
    signatures: tuple[Signature, ...] = ()


async def find(registry: Registry, repository: Repository, digest: str, access: Access) -> Found:
    """Return the signatures of a manifest. Raises errors.RegistryError, and Unverified for too many."""
    try:
        referring = await registry.referrers(repository, digest, access)
    except errors.RegistryError as error:
        if error.temporary:
            raise
        referring = []  # a registry that cannot list them holds none that could be found
    bundles = [each for each in referring if each.artifact_type.startswith(BUNDLE_TYPE)]
    if bundles:
        _bound(bundles, "bundles")
        return Found(bundles=tuple([await _bundle(registry, repository, each, access) for each in bundles]))
    tag = digest.replace(":", "-") + ".sig"
    try:
        pulled = await registry.manifest(repository, tag, access)
    except errors.NotFound:
        return Found()
    layers = [layer for layer in pulled.manifest.layers if layer.media_type == PAYLOAD_TYPE]
    _bound(layers, "signatures")
    return Found(signatures=tuple([await _signature(registry, repository, each, access) for each in layers]))


async def _bundle(registry: Registry, repository: Repository, said: Descriptor, access: Access) -> bytes:
    found = (await registry.manifest(repository, said.digest, access)).manifest
    return await registry.content(repository, _only_layer(found), access, limit=_LARGEST)


async def _signature(registry: Registry, repository: Repository, layer: Descriptor, access: Access) -> Signature:
    said = layer.annotations
    try:
        signature = base64.b64decode(said.get(_SIGNATURE, ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unverified(f"the annotation '{_SIGNATURE}' of a signature is not base64") from error
    payload = await registry.content(repository, layer, access, limit=_LARGEST)
    certificate, entry = said.get(_CERTIFICATE, ""), said.get(_ENTRY, "")
    return Signature(payload, signature, certificate.encode(), entry.encode())


def _only_layer(manifest: Manifest) -> Descriptor:
    for layer in manifest.layers:
        if layer.media_type.startswith(BUNDLE_TYPE):
            return layer
    raise Unverified("a bundle's manifest holds no bundle")


def _bound(found: list[Descriptor], what: str) -> None:
    if len(found) > _MOST:
        raise Unverified(f"there are {len(found)} {what}, more than the limit of {_MOST}")
