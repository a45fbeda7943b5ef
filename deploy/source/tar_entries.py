"""The entries of a stranger's tar, one by one: what stands before each is bounded, and nothing of the last is kept.

`tarfile` reads into memory whatever headers say, a map of a file's holes among it, which takes up to forty times its
bytes there; it keeps every entry that it has read; and what is said of all entries that follow adds up, from one
header to the next.
"""

import tarfile
from collections.abc import Iterator, Mapping
from typing import Protocol

#: How many bytes all headers of one entry may have.
MOST_OF_HEADERS = 1 << 20
#: How many words may be said of all entries that follow; `git archive` says one.
MOST_GLOBAL_HEADERS = 100


class Reader(Protocol):
    """What a tar is read from; it refuses headers of more than it is left, which is MOST_OF_HEADERS to begin with."""

    #: How many bytes of headers may still come; None while an entry's own bytes are read.
    headers: int | None


def entries(tar: tarfile.TarFile, reader: Reader) -> Iterator[tarfile.TarInfo]:
    """Yield every entry; its bytes can be read until the next one is asked for.

    Raises ReadError for more global headers than MOST_GLOBAL_HEADERS, or of more than MOST_OF_HEADERS characters.
    """
    for entry in tar:
        _check_global(tar.pax_headers)
        tar.members.clear()  # type: ignore[attr-defined] # it is there, but typeshed lacks it
        reader.headers = None
        yield entry
        reader.headers = MOST_OF_HEADERS


def _check_global(headers: Mapping[str, str]) -> None:
    if len(headers) > MOST_GLOBAL_HEADERS:
        raise tarfile.ReadError(f"more than {MOST_GLOBAL_HEADERS} global headers")
    if sum(len(name) + len(value) for name, value in headers.items()) > MOST_OF_HEADERS:
        raise tarfile.ReadError(f"global headers of more than {MOST_OF_HEADERS} characters")
