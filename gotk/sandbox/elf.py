"""What a program needs to start: an ELF file names its loader, or needs none.

Go programs such as kubectl are linked into one piece; they need no library of the system, and so read none.
"""

import struct
from pathlib import Path

_INTERPRETER = 3  # PT_INTERP
_HEADER = 64
_MAGIC = b"\x7fELF\x02"


def is_program(path: str) -> bool:
    """Tell whether a file is a program of 64 bits, and no script that needs another one."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def interpreter(path: str) -> str:
    """Return the loader of a program of 64 bits, empty where it needs none or the file is no such program."""
    with Path(path).open("rb") as file:
        head = file.read(_HEADER)
        if len(head) < _HEADER or not head.startswith(_MAGIC):
            return ""
        order = "<" if head[5] == 1 else ">"
        offset, size, count = (*struct.unpack_from(f"{order}Q", head, 32), *struct.unpack_from(f"{order}HH", head, 54))
        for index in range(count):
            file.seek(offset + index * size)
            entry = file.read(size)
            if struct.unpack_from(f"{order}I", entry)[0] == _INTERPRETER:
                start, length = (
                    struct.unpack_from(f"{order}Q", entry, 8)[0],
                    struct.unpack_from(f"{order}Q", entry, 32)[0],
                )
                file.seek(start)
                return file.read(length).rstrip(b"\0").decode()
    return ""
