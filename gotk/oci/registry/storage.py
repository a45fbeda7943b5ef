"""What a registry remembers: blobs by digest, and per repository its manifests, tags and the blobs it may show.

No HTTP here: the rules of content (digests fit, a manifest's parts are there) over `Files`.
"""

import hashlib
from dataclasses import dataclass

import msgspec

from gotk.oci.name import is_tag
from gotk.oci.registry.files import Files, MemoryFiles

_EMPTY_TYPE = "application/vnd.oci.image.manifest.v1+json"


class Refused(Exception):
    """The registry does not take or have this; `code` is the specification's, `status` HTTP's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index, byte for byte."""

    digest: str
    media_type: str
    body: bytes


class _Descriptor(msgspec.Struct):
    digest: str = ""


class _Content(msgspec.Struct, rename="camel"):
    media_type: str = ""
    config: _Descriptor | None = None
    layers: list[_Descriptor] = []
    manifests: list[_Descriptor] = []


def digest_of(content: bytes) -> str:
    """Return the sha256 digest of content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Storage:
    """The content of a registry."""

    def __init__(self, files: Files | None = None) -> None:
        self._files: Files = files if files is not None else MemoryFiles()

    def repositories(self) -> list[str]:
        """Return the names of the repositories, sorted."""
        marks = (
            folder.removesuffix("/_manifests") for folder in self._files.folders() if folder.endswith("/_manifests")
        )
        return sorted(mark.removeprefix("repositories/") for mark in marks)

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository, sorted. Raises Refused for one that does not exist."""
        tags = self._files.names(f"repositories/{repository}/_tags")
        if not tags and repository not in self.repositories():
            raise Refused(404, "NAME_UNKNOWN", "repository name not known to registry")
        return sorted(tags)

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return what a tag or digest stands for. Raises Refused where there is nothing."""
        folder = f"repositories/{repository}"
        digest = reference
        if ":" not in reference:
            digest = (self._files.get(f"{folder}/_tags", _tag(reference)) or b"").decode()
        media_type = self._files.get(f"{folder}/_manifests", _name(digest))
        body = self._files.get("blobs", _name(digest))
        if media_type is None or body is None:
            raise Refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return Manifest(digest, media_type.decode(), body)

    def put_manifest(self, repository: str, reference: str, media_type: str, body: bytes) -> str:
        """Take a manifest under a tag or its digest and return the digest. Raises Refused."""
        try:
            content = msgspec.json.decode(body, type=_Content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(400, "MANIFEST_INVALID", "manifest invalid") from None
        digest = digest_of(body)
        if ":" in reference and reference != digest:
            raise Refused(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self._check_parts(repository, content)
        folder = f"repositories/{repository}"
        self._files.put("blobs", _name(digest), body)
        self._files.put(
            f"{folder}/_manifests", _name(digest), (media_type or content.media_type or _EMPTY_TYPE).encode()
        )
        if ":" not in reference:
            self._files.put(f"{folder}/_tags", _tag(reference), digest.encode())
        return digest

    def delete_manifest(self, repository: str, reference: str) -> None:
        """Remove a tag, or a manifest with its tags. Raises Refused where there is nothing."""
        folder = f"repositories/{repository}"
        if ":" not in reference:
            if not self._files.remove(f"{folder}/_tags", _tag(reference)):
                raise Refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return
        if not self._files.remove(f"{folder}/_manifests", _name(reference)):
            raise Refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
        for tag in self._files.names(f"{folder}/_tags"):
            if self._files.get(f"{folder}/_tags", tag) == reference.encode():
                self._files.remove(f"{folder}/_tags", tag)

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a blob. Raises Refused where the repository has none such."""
        content = None
        if self._files.get(f"repositories/{repository}/_blobs", _name(digest)) is not None:
            content = self._files.get("blobs", _name(digest))
        if content is None:
            raise Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return content

    def put_blob(self, repository: str, digest: str, content: bytes) -> None:
        """Take a blob. Raises Refused where the digest is not the content's."""
        if digest != digest_of(content):
            raise Refused(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self._files.put("blobs", _name(digest), content)
        self._files.put(f"repositories/{repository}/_blobs", _name(digest), b"")

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Show another repository's blob in this one; tell whether there is such a blob."""
        try:
            self.blob(source, digest)
        except Refused:
            return False
        self._files.put(f"repositories/{repository}/_blobs", _name(digest), b"")
        return True

    def delete_blob(self, repository: str, digest: str) -> None:
        """Remove a blob from a repository. Raises Refused where there is none."""
        if not self._files.remove(f"repositories/{repository}/_blobs", _name(digest)):
            raise Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")

    def _check_parts(self, repository: str, content: _Content) -> None:
        blobs = [*content.layers, *([content.config] if content.config else [])]
        for part in blobs:
            if self._files.get(f"repositories/{repository}/_blobs", _name(part.digest)) is None:
                raise Refused(400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {part.digest[:80]}")
        for part in content.manifests:
            if self._files.get(f"repositories/{repository}/_manifests", _name(part.digest)) is None:
                raise Refused(400, "MANIFEST_BLOB_UNKNOWN", f"manifest unknown to registry: {part.digest[:80]}")


def _tag(reference: str) -> str:
    """Return the file name of a tag, which is the tag. Raises Refused for what is none."""
    if not is_tag(reference):
        raise Refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
    return reference


def _name(digest: str) -> str:
    """Return the file name of a digest; one that is none gets a name that no file has."""
    algorithm, _, encoded = digest.partition(":")
    well_formed = algorithm == "sha256" and len(encoded) == 64 and encoded.isascii() and encoded.isalnum()
    return f"{algorithm}-{encoded}" if well_formed else "none"
