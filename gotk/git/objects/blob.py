"""What files hold: by their ids, one or many, never more of one than it may have."""

from collections.abc import Iterable, Iterator
from typing import Any

import pygit2
from pygit2.enums import ObjectType

from gotk.git import errors

#: A file of more bytes is not read: it may be a few kilobytes that unfold.
BLOB_LIMIT = 256 << 20


def size(repository: pygit2.Repository, blob_id: str) -> int:
    """Return how many bytes a file has, without reading it."""
    _, found = repository.odb.read_header(blob_id)
    return int(found)


def read(repository: pygit2.Repository, blob_id: str, where: str) -> bytes:
    """Return the bytes of a file; `where` names the repository for messages.

    Raises PathNotFound, and TooLarge beyond `BLOB_LIMIT`.
    """
    if (found := size(repository, blob_id)) > BLOB_LIMIT:
        raise errors.TooLarge(f"{where} holds a file of {found} bytes, more than {BLOB_LIMIT}")
    blob: Any = repository[blob_id]
    if not isinstance(blob, pygit2.Blob):
        raise errors.PathNotFound(f"'{blob_id}' is no file")
    return bytes(blob.data)


def read_each(
    repository: pygit2.Repository, blob_ids: Iterable[str], *, limit: int
) -> Iterator[tuple[str, bytes | None]]:
    """Yield what many files hold; None for one of more than `limit` bytes, which is not read, and for what is none."""
    header, content, file = repository.odb.read_header, repository.odb.read, int(ObjectType.BLOB)
    for blob_id in blob_ids:
        kind, found = header(blob_id)
        yield blob_id, content(blob_id)[1] if kind == file and found <= limit else None
