"""A mirror that tells what is read of it."""

from collections.abc import Iterable, Iterator

from gotk.git.mirrors.mirror import Mirror


class Reading(Mirror):
    """A mirror that writes down which blobs were read, each as often as it was."""

    blobs: list[str]

    def read(self, blob_id: str) -> bytes:
        self.blobs.append(blob_id)
        return super().read(blob_id)

    def read_each(self, blob_ids: Iterable[str], *, limit: int) -> Iterator[tuple[str, bytes | None]]:
        for id_, content in super().read_each(blob_ids, limit=limit):
            self.blobs.append(id_)
            yield id_, content
