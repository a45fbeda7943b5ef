"""Tiny valid OCI images, and pushing one: what the demo and the tests fill a registry with.

Answers to the OCI image specification: a configuration, one gzipped layer, a manifest that names both by digest. The
same inputs give the same bytes.
"""

import asyncio
import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from gotk.http.transport import Request, Transport
from gotk.oci import errors
from gotk.oci.keychain import Credentials
from gotk.oci.registry.storage import digest_of

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_EPOCH = "1970-01-01T00:00:00Z"
_ANSWER_LIMIT = 64 * 1024
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Image:
    """An image's parts, byte for byte."""

    config: bytes
    layer: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return digest_of(self.manifest)


def build_image(
    *, labels: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None, created: str = _EPOCH
) -> Image:
    """Make an image of some files. `created` is RFC 3339."""
    archive = _archive(files or {"hello.txt": b"hello\n"})
    layer = gzip.compress(archive, mtime=0)
    config = _json(
        {
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive)]},
            "history": [{"created": created, "created_by": "image-automation"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(_CONFIG_TYPE, config),
            "layers": [_descriptor(_LAYER_TYPE, layer)],
        }
    )
    return Image(config, layer, manifest)


async def push_image(
    url: str, repository: str, tag: str, image: Image, *, username: str = "", password: str = ""
) -> str:
    """Push an image to the registry at `url` (such as `http://127.0.0.1:5000`) and return its digest.

    Raises errors.RegistryError, TimeoutError.
    """
    headers = {"Authorization": Credentials(username=username, password=password).basic} if username else {}
    base = URL(url) / "v2" / repository
    async with asyncio.timeout(_TIMEOUT), Transport() as transport:
        for blob in (image.config, image.layer):
            opened = await _send(transport, "POST", base / "blobs" / "uploads/", headers)
            target = base.join(URL(opened, encoded=True)).update_query(digest=digest_of(blob))
            await _send(transport, "PUT", target, {**headers, "Content-Type": "application/octet-stream"}, blob)
        manifest = {**headers, "Content-Type": MANIFEST_TYPE}
        await _send(transport, "PUT", base / "manifests" / tag, manifest, image.manifest)
    return image.digest


async def _send(transport: Transport, method: str, url: URL, headers: Mapping[str, str], body: bytes = b"") -> str:
    request = Request(method=method, url=url, headers=headers, data=body, limit=_ANSWER_LIMIT, cut=True)
    answer = await transport.send(request)
    if answer.status not in {201, 202}:
        raise errors.from_answer(f"{method} {url.with_query(None)}", answer.status, answer.body)
    return answer.headers.get("Location", "")


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def _descriptor(type_: str, content: bytes) -> dict[str, str | int]:
    return {"mediaType": type_, "digest": digest_of(content), "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
