"""The entries of a stranger's tar, one by one: what stands before each is bounded, and nothing of the last is kept.

`tarfile` reads into memory whatever headers say, a map of a file's holes among it, which takes up to forty times its
bytes there; and it keeps every entry that it has read.
"""

import tarfile
from collections.abc import Iterator
from typing import Protocol

#: How many bytes all headers of one entry may have.
MOST_OF_HEADERS = 1 << 20


class Reader(Protocol):
    """What a tar is read from; it refuses headers of more than it is left, which is MOST_OF_HEADERS to begin with."""

    #: How many bytes of headers may still come; None while an entry's own bytes are read.
    headers: int | None


def entries(tar: tarfile.TarFile, reader: Reader) -> Iterator[tarfile.TarInfo]:
    """Yield every entry; its bytes can be read until the next one is asked for."""
    for entry in tar:
        tar.members.clear()  # type: ignore[attr-defined] # it is there, but typeshed lacks it
        reader.headers = None
        yield entry
        reader.headers = MOST_OF_HEADERS
