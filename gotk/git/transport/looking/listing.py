"""What a Git server is asked for its references and what it answers, over whatever carries the bytes.

Answers to gitprotocol-v2 (`ls-refs`, where a prefix keeps the answer small in a repository of ten thousand references)
and to the advertisement of gitprotocol-pack, which servers of the older version send unasked. Pure: bytes in, bytes or
references out.
"""

import re
from collections.abc import Iterator

from gotk.git.transport.operation import References

FLUSH = b"0000"
#: The longest list that is read, in bytes.
LONGEST = 1 << 20

_LENGTH = re.compile(rb"[0-9a-f]{4}", re.IGNORECASE)
_ID = re.compile("[0-9a-f]{40}")
_SERVICE = b"# service=git-upload-pack"
_NOTHING = "capabilities^{}"  # what stands in the place of a name where there is none


class Malformed(ValueError):
    """What came is no list of references, or one of another kind than is read here."""


def request(prefix: str) -> bytes:
    """Write the request for the references that begin with a prefix; an empty one is for all."""
    words = [b"command=ls-refs\n", None, b"peel\n", b"symrefs\n"]
    if prefix:
        words.append(f"ref-prefix {prefix}\n".encode())
    return b"".join(b"0001" if word is None else b"%04x%b" % (len(word) + 4, word) for word in words) + FLUSH


def served(body: bytes) -> bytes:
    """Return an advertisement without the name of the service, which stands before it over HTTP.

    In protocol 2 some servers leave the name out. Raises Malformed.
    """
    if speaks_v2(body):
        return body
    lines = _lines(body)
    if next(lines, b"").rstrip() != _SERVICE or next(lines, b"x"):
        raise Malformed
    return body[_length(body, 0) + len(FLUSH) :]


def speaks_v2(advertisement: bytes) -> bool:
    """Tell whether an advertisement is one of protocol 2, which names no references yet. Raises Malformed."""
    return next(_lines(advertisement), b"").rstrip() == b"version 2"


def advertised(advertisement: bytes) -> References:
    """Read the references of an advertisement of the older protocol. Raises Malformed."""
    listed: list[tuple[str, str]] = []
    head = ""
    for number, line in enumerate(_part(advertisement)):
        entry, _, capabilities = line.partition(b"\0")
        if number == 0:
            words = _text(capabilities).split()
            head = next((word.removeprefix("symref=HEAD:") for word in words if word.startswith("symref=HEAD:")), "")
        what, name = _entry(_text(entry).rstrip("\n"))
        if name != _NOTHING:
            listed.append((name, what))
    return References.of(listed, head)


def answered(answer: bytes) -> References:
    """Read the references of an answer of protocol 2. Raises Malformed."""
    listed: list[tuple[str, str]] = []
    head = ""
    for line in _part(answer):
        entry, *attributes = _text(line).rstrip("\n").split(" symref-target:")
        entry, _, peeled = entry.partition(" peeled:")
        if entry == "unborn HEAD":
            continue
        what, name = _entry(entry)
        if attributes and name == "HEAD":
            head = attributes[0].partition(" ")[0]
        listed.append((name, what))
        peeled = peeled or next((each.partition(" peeled:")[2] for each in attributes), "")
        if peeled:
            if not _ID.fullmatch(peeled):
                raise Malformed
            listed.append((f"{name}^{{}}", peeled))
    return References.of(listed, head)


class Conversation:
    """The server's side of a session with `git-upload-pack`, read as it comes."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._data = bytearray()
        self._seen = 0
        self._asked = False
        #: What there is, once all of it has come.
        self.references: References | None = None

    def heard(self, data: bytes) -> bytes:
        """Take what came, and return what is to be said to it. Raises Malformed."""
        if self.references is not None:
            return b""
        self._data += data
        if len(self._data) > LONGEST:
            raise Malformed
        if (end := self._end()) is None:
            return b""
        part = bytes(self._data[:end])
        self._data, self._seen = self._data[end:], 0
        if self._asked:
            self.references = answered(part)
            return b""
        if speaks_v2(part):
            self._asked = True
            return request(self._prefix) + FLUSH  # and nothing after it
        self.references = advertised(part)
        return FLUSH

    def _end(self) -> int | None:
        """Return where the part ends that begins the data; None where its end has not come yet."""
        while len(self._data) >= self._seen + len(FLUSH):
            length = _length(self._data, self._seen)
            self._seen += length or len(FLUSH)
            if not length:
                return self._seen
        return None


def _part(data: bytes) -> Iterator[bytes]:
    """Split lines up to the flush, which must be there. Raises Malformed."""
    for line in _lines(data):
        if not line:
            return
        yield line
    raise Malformed


def _lines(data: bytes) -> Iterator[bytes]:
    """Split pkt-lines; a flush is an empty one. Raises Malformed."""
    position = 0
    while position < len(data):
        length = _length(data, position)
        if position + length > len(data):
            raise Malformed
        yield data[position + 4 : position + length] if length else b""
        position += length or len(FLUSH)


def _length(data: bytes | bytearray, position: int) -> int:
    """Read the length of a line. A negative one would lead back, again and again. Raises Malformed."""
    if not (digits := _LENGTH.match(data, position)):
        raise Malformed
    length = int(digits[0], 16)
    if length in {1, 2, 3, 4}:
        raise Malformed
    return length


def _entry(text: str) -> tuple[str, str]:
    what, separator, name = text.partition(" ")
    if not separator or not _ID.fullmatch(what):
        raise Malformed
    return what, name


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed from None
