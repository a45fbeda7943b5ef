"""Artifacts in a registry, byte by byte as the clients of this world lay them out."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
FLUX_CONFIG = "application/vnd.cncf.flux.config.v1+json"
FLUX_CONTENT = "application/vnd.cncf.flux.content.v1.tar+gzip"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Blob:
    """Content and what a manifest says of it; `claims` lies about digest or size."""

    content: bytes
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def descriptor(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": digest_of(self.content),
            "size": len(self.content),
        }
        if self.annotations:
            said["annotations"] = dict(self.annotations)
        return said | dict(self.claims)


def tarball(files: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """Pack files; a TarInfo goes in as it is, without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                packed.addfile(content)
                continue
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def manifest(
    config: Blob, layers: Sequence[Blob], *, annotations: Mapping[str, str] | None = None, **more: Any
) -> bytes:
    said: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor,
        "layers": [layer.descriptor for layer in layers],
    }
    return json.dumps(said | ({"annotations": dict(annotations)} if annotations else {}) | more).encode()


async def put(url: str, repository: str, reference: str, body: bytes, blobs: Sequence[Blob] = ()) -> str:
    """Push blobs and a manifest (or an index) and return its digest."""
    async with aiohttp.ClientSession() as session:
        for blob in blobs:
            async with session.post(f"{url}/v2/{repository}/blobs/uploads/") as opened:
                assert opened.status == 202, await opened.text()
                target = opened.headers["Location"]
            target = target if "://" in target else f"{url}{target}"
            target += ("&" if "?" in target else "?") + f"digest={digest_of(blob.content)}"
            async with session.put(target, data=blob.content) as sent:
                assert sent.status == 201, await sent.text()
        kind = json.loads(body)["mediaType"]
        address = f"{url}/v2/{repository}/manifests/{reference}"
        async with session.put(address, data=body, headers={"Content-Type": kind}) as sent:
            assert sent.status == 201, await sent.text()
    return digest_of(body)


async def push_flux(
    url: str,
    repository: str,
    tag: str,
    files: Mapping[str, bytes | tarfile.TarInfo],
    *,
    source: str = "https://example.com/fleet",
    revision: str = "main@sha1:" + "b" * 40,
    layer: Blob | None = None,
) -> str:
    """Push as `flux push artifact` does: one layer, and where it comes from in the manifest's annotations."""
    layer = layer or Blob(tarball(files), FLUX_CONTENT)
    config = Blob(b"{}", FLUX_CONFIG)
    annotations = {
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.source": source,
    }
    return await put(url, repository, tag, manifest(config, [layer], annotations=annotations), [config, layer])


async def push_oras(url: str, repository: str, tag: str, layers: Sequence[Blob]) -> str:
    """Push as `oras push` does: a type of artifact, an empty configuration, a title on each layer."""
    config = Blob(b"{}", EMPTY)
    body = manifest(config, layers, artifactType="application/vnd.unknown.artifact.v1")
    return await put(url, repository, tag, body, [config, *layers])


async def push_signatures(
    url: str, repository: str, digest: str, signatures: Sequence[tuple[bytes, dict[str, str]]]
) -> None:
    """Push signatures as cosign 2 does: a tag beside the image, and a layer for each with its annotations."""
    layers = [Blob(payload, "application/vnd.dev.cosign.simplesigning.v1+json", said) for payload, said in signatures]
    config = Blob(b"{}", "application/vnd.oci.image.config.v1+json")
    await put(url, repository, digest.replace(":", "-") + ".sig", manifest(config, layers), [config, *layers])
