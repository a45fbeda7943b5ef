"""Git's packet lines: four hexadecimal digits of length, then that many bytes; `0000` ends a section.

Answers to gitprotocol-common and, for the side band, gitprotocol-pack.
"""

from collections.abc import Callable, Iterator

FLUSH = b"0000"
#: An empty packet of the side band's first channel: it carries nothing, and tells that more is to come.
KEEPALIVE = b"0005\x01"
_BAND_SIZE = 65515


class ProtocolError(Exception):
    """The other side does not keep to the protocol."""


def line(payload: bytes) -> bytes:
    """Frame one payload."""
    return b"%04x%b" % (len(payload) + 4, payload)


def section(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Read payloads up to the next flush, without their line ends. Ends as well where nothing more comes."""
    while (head := read(4)) not in {b"", FLUSH}:
        yield payload(head, read).rstrip(b"\n")


def payload(head: bytes, read: Callable[[int], bytes]) -> bytes:
    """Read the payload that belongs to a length. Raises ProtocolError."""
    try:
        length = int(head, 16)
    except ValueError:
        raise ProtocolError("a packet line has no length") from None
    content = read(length - 4) if length >= 4 else b""
    if length < 4 or len(content) != length - 4:
        raise ProtocolError("a packet line is cut short")
    return content


def banded(data: bytes, *, channel: int = 1) -> Iterator[bytes]:
    """Cut data into the packets of a side band's channel."""
    for start in range(0, len(data), _BAND_SIZE):
        yield line(bytes((channel,)) + data[start : start + _BAND_SIZE])
