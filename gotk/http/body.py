"""Reading a body under a cap, also after decompression. No input or output.

A server is a stranger: a small compressed body may unfold without end. Bytes are unfolded piece by piece and counted
as they come out; encodings other than gzip and deflate are refused, and so is one inside another. `what` names the
request in errors and becomes text only there.
"""

import zlib
from collections.abc import Callable

from gotk.http import errors

ACCEPT_ENCODING = "gzip, deflate"
_PIECE = 1 << 16


class Body:
    """Collects a body: `feed` the chunks, then `finish`. Raises TooLarge beyond the limit, BadAnswer on nonsense.

    With `cut` what is beyond the limit is left out instead. A `sink` takes the bytes as they come; `finish` then
    returns none.
    """

    def __init__(
        self,
        *,
        encoding: str,
        limit: int,
        what: object,
        cut: bool = False,
        sink: Callable[[bytes], object] | None = None,
    ) -> None:
        self._encoding = encoding.strip().lower() or "identity"
        if self._encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
            raise errors.BadAnswer(f"{what}: the answer's encoding {errors.printable(encoding)!r} is not supported")
        self._unfold: zlib._Decompress | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._what = what
        self._cut = cut
        self._take: Callable[[bytes], object] = sink or self._parts.append

    @property
    def is_full(self) -> bool:
        """Whether more would be left out."""
        return self._cut and self._size == self._limit

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes as they came from the wire."""
        if self._encoding == "identity":
            self._add(chunk)
            return
        if not chunk:
            return
        if self._unfold is None:
            self._unfold = zlib.decompressobj(self._window(chunk[0]))
        try:
            while chunk and not self._unfold.eof and not self.is_full:
                self._add(self._unfold.decompress(chunk, _PIECE))
                chunk = self._unfold.unconsumed_tail
        except zlib.error as error:
            raise errors.BadAnswer(f"{self._what}: the answer is not valid {self._encoding}") from error

    def finish(self) -> bytes:
        """Return the whole body."""
        if self._unfold is not None and not self.is_full:
            self._add(self._unfold.flush())
            if not self._unfold.eof:
                raise errors.BadAnswer(f"{self._what}: the answer ends in the middle of its {self._encoding} data")
        return b"".join(self._parts)

    def _add(self, piece: bytes) -> None:
        if self._cut:
            piece = piece[: self._limit - self._size]
        self._size += len(piece)
        if self._size > self._limit:
            raise errors.TooLarge(f"{self._what}: the answer is larger than the limit of {self._limit} bytes")
        self._take(piece)

    def _window(self, first: int) -> int:
        if self._encoding != "deflate":
            return 16 + zlib.MAX_WBITS
        # `deflate` means zlib, but some servers send the raw stream; zlib's first byte names its method, 8.
        return zlib.MAX_WBITS if first & 0x0F == 8 else -zlib.MAX_WBITS
