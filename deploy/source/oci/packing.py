"""An artifact for a registry, as `flux push artifact` lays it out: a folder's tarball, and a manifest that says whence.

Answers to `Push` and `Build` of `fluxcd/pkg/oci` and to `Tar` of `fluxcd/pkg/tar`: entries in the order of a walk
behind a first `.`, without owners and times but with their modes. The tarball is Flux's byte for byte; packed it is
another one, because Go's gzip is not zlib's. Equal folders give equal bytes, and with `created` equal artifacts.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deploy.source import tarball
from deploy.source.ignore import Ignore
from deploy.source.tarball import Written
from gotk.oci.manifest import Descriptor

CONFIG_TYPE = "application/vnd.cncf.flux.config.v1+json"
CONTENT_TYPE = "application/vnd.cncf.flux.content.v1.tar+gzip"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
EPOCH = "1970-01-01T00:00:00Z"

_NAME = "org.opencontainers.image."
_NO_TIME = "0001-01-01T00:00:00Z"
_MOST_FILES = 200_000


@dataclass(frozen=True, slots=True)
class Packed:
    """A tarball: digest and size as it is packed, and the digest of what it unpacks to."""

    written: Written
    content: str


@dataclass(frozen=True, slots=True)
class Composed:
    """What is pushed besides the tarball, byte for byte."""

    config: bytes
    manifest: bytes

    @property
    def config_descriptor(self) -> Descriptor:
        """What a manifest says of the configuration."""
        return Descriptor(digest=digest_of(self.config), size=len(self.config), media_type=CONFIG_TYPE)

    @property
    def digest(self) -> str:
        """The artifact's digest."""
        return digest_of(self.manifest)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file or directory of a folder: its name in the tarball, where it lies, and its mode."""

    parts: tuple[str, ...]
    path: Path
    mode: int

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def name(self) -> bytes:
        return os.fsencode("/".join(self.parts) or ".")


def pack(source: Path, target: BinaryIO, ignored: Collection[str], *, name: str = "", links: bool = False) -> Packed:
    """Write the tarball of a folder, or of one file under a name; with `links` what links lead to is in it.

    `ignored` are patterns as in `.gitignore`; version control stays out in any case. Raises OSError.
    """
    out = _Hashed(tarball.Gzip(target))
    decides = Ignore([], "\n".join(ignored) or "\0")
    for entry in _entries(source, name or source.name, links=links):
        if entry.parts and decides.excludes(entry.parts, directory=entry.is_directory):
            continue
        mode = stat.S_IMODE(entry.mode) & 0o777
        if entry.is_directory:
            out.write(tarball.header(entry.name, mode=mode, directory=True))
        else:
            tarball.write_file(out, entry.name, entry.path, mode=mode)
    out.write(tarball.END)
    return Packed(out.packed.finish(), f"sha256:{out.digest.hexdigest()}")


def compose(packed: Packed, *, source: str, revision: str, created: str, annotations: Mapping[str, str]) -> Composed:
    """Make configuration and manifest around a tarball; annotations of the user's come last. `created` is RFC 3339."""
    config = _json(
        {
            "architecture": "",
            "created": _NO_TIME,
            "history": [{"created": _NO_TIME}],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [packed.content]},
            "config": {},
        }
    )
    said = {f"{_NAME}created": created, f"{_NAME}source": source, f"{_NAME}revision": revision, **annotations}
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _described(CONFIG_TYPE, len(config), digest_of(config)),
            "layers": [_described(CONTENT_TYPE, packed.written.size, packed.written.digest)],
            "annotations": dict(sorted(said.items())),
        }
    )
    return Composed(config, manifest)


def digest_of(content: bytes) -> str:
    """Return the digest of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Hashed:
    """Passes what is written on to gzip, and hashes it."""

    def __init__(self, packed: tarball.Gzip) -> None:
        self.packed = packed
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self.packed.write(data)


def _entries(source: Path, name: str, *, links: bool) -> Iterator[_Entry]:
    """Walk a folder as Go does: each directory before what is in it, names in the order of their bytes."""
    status = source.stat()
    if not stat.S_ISDIR(status.st_mode):
        yield _Entry((), source.parent, stat.S_IFDIR | 0o700)
        yield _Entry((name,), source, status.st_mode)
        return
    above: list[tuple[int, int]] = [(status.st_dev, status.st_ino)]
    yield _Entry((), source, status.st_mode)
    for number, entry in enumerate(_below(source, (), above, links=links)):
        if number == _MOST_FILES:
            raise OSError(errno.EFBIG, f"more than {_MOST_FILES} files and folders", str(source))
        yield entry


def _below(folder: Path, parts: tuple[str, ...], above: list[tuple[int, int]], *, links: bool) -> Iterator[_Entry]:
    for name in sorted(os.listdir(folder), key=os.fsencode):  # noqa: PTH208 - names that are no text stay what they are
        path, own = folder / name, (*parts, name)
        status = path.stat() if links else path.lstat()
        if stat.S_ISREG(status.st_mode):
            yield _Entry(own, path, status.st_mode)
        elif stat.S_ISDIR(status.st_mode):
            itself = (status.st_dev, status.st_ino)
            if itself in above:
                continue  # a link back: there is nothing new behind it
            yield _Entry(own, path, status.st_mode)
            yield from _below(path, own, [*above, itself], links=links)


def _described(media_type: str, size: int, digest: str) -> dict[str, str | int]:
    return {"mediaType": media_type, "size": size, "digest": digest}


def _json(value: Any) -> bytes:
    """Write JSON as Go does, in the order given."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode("utf-8", "replace")
