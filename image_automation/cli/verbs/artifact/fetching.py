"""The files of an artifact on this machine, within bounds: what `pull` and `diff` look at."""

from pathlib import Path

from deploy.source import unpack
from deploy.source.oci import layer
from gotk.http.transport import Sink
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.pulling import Pulled
from image_automation.cli.verbs.artifact.reach import Reference


async def unpacked(client: RegistryClient, access: Access, artifact: Reference, target: Path) -> Pulled:
    """Unpack the first layer of an artifact into a folder that is not there yet. Raises RegistryError, OSError."""
    pulled = await client.image(artifact.repository, artifact.wanted, access)
    try:
        first = layer.choose(pulled.manifest, "")
    except layer.LayerError as error:
        raise errors.BadAnswer(f"{artifact}: {error}") from error
    packed = target.with_suffix(".tgz")
    with packed.open("wb") as file:

        def begin() -> Sink:
            file.seek(0)
            file.truncate()
            return file.write

        await client.blob(artifact.repository, first, access, limit=layer.LARGEST, begin=begin)
    try:
        _unpack(packed, target)
    except unpack.ArchiveError as error:
        raise errors.BadAnswer(f"{artifact}: the layer of the type {first.media_type or 'unknown'}: {error}") from error
    return pulled


def _unpack(packed: Path, target: Path) -> None:
    target.mkdir()
    unpack.unpack(packed, target)
