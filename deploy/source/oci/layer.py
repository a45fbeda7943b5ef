"""A layer of an artifact: chosen, pulled to this machine within bounds, and made what the storage keeps.

Answers to `selectLayer` and to the layer operations of source-controller's OCIRepositoryReconciler: `extract` unpacks
and archives anew under the ignore rules, `copy` keeps the bytes as they are. Unlike there a layer, what it unfolds to
and the number of its files are bounded.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deploy.source import archive, folder, unpack
from deploy.source.tarball import Written
from gotk.http.transport import Sink
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.manifest import Descriptor, Manifest
from gotk.oci.name import Repository
from gotk.runtime.blocking import Limiter

#: How many bytes a layer may have: a Kustomization reads no larger artifact.
LARGEST = 512 << 20

_CHUNK = 1 << 20


class LayerError(Exception):
    """There is no such layer, or it cannot be had or unpacked. The message says which."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """A layer's files."""

    root: Path

    def write(self, file: BinaryIO, ignore: str | None) -> Written:
        """Archive the files, without those that the ignore rules name. Blocks. Raises OSError."""
        return archive.write(file, folder.entries(self.root), folder.reader(self.root), ignore)


@dataclass(frozen=True, slots=True)
class Copied:
    """A layer's bytes."""

    path: Path

    def write(self, file: BinaryIO, ignore: str | None) -> Written:
        """Copy the bytes; no ignore rule applies to them. Blocks. Raises OSError."""
        del ignore
        digest, size = hashlib.sha256(), 0
        with self.path.open("rb") as source:
            while piece := source.read(_CHUNK):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        return Written(f"sha256:{digest.hexdigest()}", size)


def choose(manifest: Manifest, media_type: str) -> Descriptor:
    """Return the first layer of a media type, or simply the first. Raises LayerError."""
    if not manifest.layers:
        raise LayerError("no layers found in artifact")
    if not media_type:
        return manifest.layers[0]
    for layer in manifest.layers:
        if layer.media_type == media_type:
            return layer
    raise LayerError(f"failed to find layer with media type '{media_type}' in artifact")


class Layers:
    """Brings layers to this machine."""

    def __init__(self, *, registry: RegistryClient, blocking: Limiter, scratch: Path) -> None:
        """Take what it works with; `scratch` is a folder of its own."""
        self._registry = registry
        self._blocking = blocking
        self._scratch = scratch

    @contextlib.asynccontextmanager
    async def pulled(
        self, repository: Repository, layer: Descriptor, access: Access, *, copy: bool
    ) -> AsyncIterator[Extracted | Copied]:
        """Give a layer's files, or its bytes, for a while. Raises LayerError."""
        failed = "failed to copy layer from artifact" if copy else "failed to extract layer contents from artifact"
        with _told(failed):
            own = Path(tempfile.mkdtemp(prefix="layer-", dir=self._scratch))
        try:
            with _told(failed):
                files = await self._brought(repository, layer, access, own, copy=copy)
            yield files
        finally:
            await self._blocking.run(shutil.rmtree, own, ignore_errors=True)

    async def _brought(
        self, repository: Repository, layer: Descriptor, access: Access, own: Path, *, copy: bool
    ) -> Extracted | Copied:
        packed = own / "layer"
        await self._pull(repository, layer, access, packed)
        return Copied(packed) if copy else await self._extract(packed, own / "files")

    async def _pull(self, repository: Repository, layer: Descriptor, access: Access, path: Path) -> None:
        with path.open("wb") as file:

            def begin() -> Sink:
                file.seek(0)
                file.truncate()
                return file.write

            await self._registry.blob(repository, layer, access, limit=LARGEST, begin=begin)

    async def _extract(self, packed: Path, target: Path) -> Extracted:
        def work() -> None:
            target.mkdir(mode=0o700)
            unpack.unpack(packed, target)
            packed.unlink()

        await self._blocking.run(work)
        return Extracted(target)


@contextlib.contextmanager
def _told(failed: str) -> Iterator[None]:
    """Word what stands in a layer's way: the registry, its archive, or this machine's disk."""
    try:
        yield
    except errors.RegistryError as error:
        raise LayerError(f"{failed}: {error}") from error
    except unpack.ArchiveError as error:
        cause = str(error).removeprefix("failed to untar archive: ")
        raise LayerError(f"{failed}: {cause}") from error
    except OSError as error:
        raise LayerError(f"{failed}: {error.strerror}") from error
