"""Archives that are small and unfold without end, or are not what they claim to be."""

import gzip
import tarfile


def packed(bomb: str) -> bytes:
    """Return one of the table as it would be sent."""
    return gzip.compress(b"".join(BOMBS[bomb]), 1, mtime=0)


def talkative(count: int) -> bytes:
    """Return an archive of empty files, each of which has a comment of 100 kB."""
    comment = record(b"comment", b"x" * 99_000)
    named = (header(b"0", 0, f"web/{number}") for number in range(count))
    parts = (part for name in named for part in (header(tarfile.XHDTYPE, len(comment)), comment, name))
    return gzip.compress(b"".join(parts) + bytes(1024), 1, mtime=0)


def header(kind: bytes, size: int, name: str = "h/h") -> bytes:
    """Write a header of any kind that claims a size."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def record(key: bytes, value: bytes) -> bytes:
    """Write a header's record, filled up to a block."""
    line = b"%06d %b=%b\n" % (len(key) + len(value) + 9, key, value)
    return line + bytes(-len(line) % 512)


def sparse(size: int, name: str = "h/h") -> bytes:
    """Write the header of a file that has no bytes of its own and claims to be of a size."""
    block = bytearray(header(tarfile.GNUTYPE_SPARSE, 0, name))
    block[257:265] = b"ustar  \0"
    block[483:495] = b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def said(**words: str) -> list[bytes]:
    """Write a header that says more of the next file; `__` stands for a dot."""
    records = [
        b"%06d %b=%b\n" % (len(key) + len(value) + 9, key, value)
        for key, value in ((key.replace("__", ".").encode(), value.encode()) for key, value in words.items())
    ]
    content = b"".join(records)
    content += bytes(-len(content) % 512)
    return [header(tarfile.XHDTYPE, sum(map(len, records))), content]


_SPARSE = said(GNU__sparse__major="1", GNU__sparse__minor="0")

BOMBS: dict[str, list[bytes]] = {
    "a header of its own for a name": [header(tarfile.XHDTYPE, 64 << 20), bytes(64 << 20)],
    "a long name": [header(tarfile.GNUTYPE_LONGNAME, 64 << 20), bytes(64 << 20)],
    "headers of headers": [header(tarfile.XHDTYPE, 512), record(b"path", b"a")] * 2000,
    "what is skipped": [header(b"7", 4 << 20), bytes(4 << 20)],
    "headers for all": [
        part for n in range(101) for part in (header(tarfile.XGLTYPE, 512), record(b"k%d" % n, b"v"), header(b"0", 0))
    ],
    "long headers for all": [
        part
        for n in range(11)
        for part in (header(tarfile.XGLTYPE, 100_352), record(b"k%d" % n, b"x" * 100_000), header(b"0", 0, f"h/{n}"))
    ],
    "a sparse file": [sparse(1 << 33), bytes(1024)],
    "many sparse files": [*(sparse(300_000, f"h/{number}") for number in range(4)), bytes(1024)],
    "a file of less than nothing": [
        *said(GNU__sparse__realsize="-8000000000", GNU__sparse__map="0,0"),
        header(b"0", 0),
        sparse(1 << 32),
    ],
    "a map of holes that is none": [*_SPARSE, header(b"0", 512), b"zz\n".ljust(512, b"\0"), bytes(1024)],
    "a map of holes without end": [
        *_SPARSE,
        header(b"0", 2 << 20),
        b"1000000\n" + b"0\n" * ((1 << 20) - 4),
    ],
    "a file without its bytes": [header(b"0", 1000)],
}
